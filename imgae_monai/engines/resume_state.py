"""What a run needs to go on exactly, beside networks, optimizers, schedulers and engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.engines import Trainer
from torch.utils.data import DataLoader

from imgae_monai.engines.random_state import (
    global_random_state,
    loader_random_state,
    set_global_random_state,
    set_loader_random_state,
)
from imgae_monai.engines.versions import versions
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


class ResumeState:
    """Random states, the AMP scaler and the position of moving caches, to be saved and loaded as one object.

    Save it when an epoch has ended and nothing is left to be drawn for it; load it when everything is built and no
    iterator has been made, as MONAI's ``CheckpointLoader`` does. Then a run that was killed and resumed ends with the
    same bits as one left alone (on a CPU, with the same number of threads). Where versions, device or threads are
    others, a warning says so; another number of workers, which draw by their numbers, is refused.

    Args:
        trainer: its gradient scaler, where it has one.
        loaders: their generators, and those of their data sets' random transforms; the trainer's first.
    """

    def __init__(self, trainer: Trainer, loaders: Sequence[DataLoader]) -> None:
        self.trainer = trainer
        self.loaders = list(loaders)

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and dictionaries."""
        return {
            "scaler": None if self._scaler is None else self._scaler.state_dict(),
            "loaders": [loader_random_state(loader) for loader in self.loaders],
            "caches": [_cache_position(loader.dataset) for loader in self.loaders],
            "random": global_random_state(),
            "num_workers": [loader.num_workers for loader in self.loaders],
            "made_with": self._made_with(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: when the transforms, the caches or the numbers of workers are not those that the run was
                started with.
        """
        found = [loader.num_workers for loader in self.loaders]
        if state_dict["num_workers"] != found:
            raise InputError(
                f"this run was started with num_workers {state_dict['num_workers']}, now it would go on with {found} "
                "and draw other augmentations: make it the same, or start a new run"
            )
        self._compare(state_dict["made_with"])
        if self._scaler is not None and state_dict["scaler"] is not None:
            self._scaler.load_state_dict(state_dict["scaler"])
        for loader, position in zip(self.loaders, state_dict["caches"], strict=True):
            if position is not None and hasattr(loader.dataset, "move_window"):
                loader.dataset.move_window(**position)
        for loader, state in zip(self.loaders, state_dict["loaders"], strict=True):
            set_loader_random_state(loader, state)
        set_global_random_state(state_dict["random"])

    def _made_with(self) -> dict[str, str]:
        return {**versions(), "device": str(self.trainer.state.device), "threads": str(torch.get_num_threads())}

    def _compare(self, before: Mapping[str, str]) -> None:
        now = self._made_with()
        changed = [
            f"{name} {before.get(name)}, now {now.get(name)}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if changed:
            logger.warning(
                "this run was started with %s: it goes on, but will not end with the same bits as if left alone",
                "; ".join(changed),
            )

    @property
    def _scaler(self) -> Any:
        return getattr(self.trainer, "scaler", None)


def _cache_position(dataset: Any) -> dict[str, int] | None:
    return dataset.window() if hasattr(dataset, "window") else None
