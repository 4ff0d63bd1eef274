"""Keep the weights of the best epochs, for an ensemble."""

from __future__ import annotations

import math
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.config import PathLike

from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.engines.ensemble_members import member_epochs, member_path
from imgae_monai.exceptions import InputError


class EnsembleSaver:
    """Save the weights of the ``n_members`` epochs with the lowest key metric as ``member_epoch=N.pt``.

    Beside ``model.pt``, which stays the best epoch's. MONAI's ``CheckpointSaver(key_metric_n_saved=...)`` writes in
    place, deletes what is worse before what is better is on the disk, and forgets it all on a resume. Here a file is
    whole or not there, and its name tells its epoch alone, so that an epoch that is trained once more after a resume
    writes the same file.

    Args:
        save_dir: folder to save to.
        network: whose weights to save.
        validator: evaluator with the key metric; smaller is better.
        n_members: number of epochs to keep; 1 keeps none, as ``model.pt`` is there.

    Raises:
        InputError: when ``n_members`` is below 1.
    """

    def __init__(self, save_dir: PathLike, network: torch.nn.Module, validator: Engine, n_members: int = 1) -> None:
        if n_members < 1:
            raise InputError(f"ensemble must be at least 1, got {n_members}")
        self.save_dir = save_dir
        self.network = network
        self.validator = validator
        self.n_members = n_members
        self._metrics: dict[int, float] = {}

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        if self.n_members > 1:
            self.validator.add_event_handler(Events.EPOCH_COMPLETED, self._validated, engine)

    def state_dict(self) -> dict[str, Any]:
        """The epochs that are kept, and their metrics."""
        return {"epochs": list(self._metrics), "metrics": list(self._metrics.values())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._metrics = dict(zip(state_dict["epochs"], state_dict["metrics"], strict=True))

    def _validated(self, validator: Engine, trainer: Engine) -> None:
        """
        Raises:
            InputError: when the system refuses to write, as on a full disk.
        """
        value, epoch = float(validator.state.metrics[validator.state.key_metric_name]), trainer.state.epoch
        if math.isnan(value) or not epoch:  # before the first epoch it is an evaluation, and by another metric
            return
        metrics = {**self._metrics, epoch: value}
        kept = sorted(sorted(metrics, key=lambda e: (metrics[e], e))[: self.n_members])
        self._metrics = {e: metrics[e] for e in kept}
        if idist.get_rank() != 0:
            return
        if epoch in kept:
            path = member_path(self.save_dir, epoch)
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                torch.save(self.network.state_dict(), file)
        for other, path in member_epochs(self.save_dir).items():
            if other not in kept:
                path.unlink(missing_ok=True)
