"""Keep the weights that a training ended with."""

from __future__ import annotations

from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.config import PathLike

from imgae_monai.data.atomic_write import atomic_write


class FinalCheckpointSaver:
    """Save a network's bare state dict when training ends by itself, early stopping included.

    MONAI's ``CheckpointSaver(save_final=True)`` writes in place, and also when training ends by an error, so that its
    file says nothing about the end. Federated tools look for the name ``model_final.pt``. The file of an earlier end is
    deleted when training goes on.

    Args:
        save_dir: folder to save to.
        network: whose weights to save.
        filename: name of the file.
    """

    def __init__(self, save_dir: PathLike, network: torch.nn.Module, filename: str = "model_final.pt") -> None:
        self.path = Path(save_dir) / filename
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._forget)
        engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """
        Raises:
            InputError: when the system refuses to write, as on a full disk.
        """
        if idist.get_rank() == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path) as file:
                torch.save(self.network.state_dict(), file)

    def _forget(self, engine: Engine) -> None:
        if idist.get_rank() == 0:
            self.path.unlink(missing_ok=True)
