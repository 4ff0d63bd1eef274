"""What a training data set needs to be told while an engine runs over it."""

from __future__ import annotations

from ignite.engine import Engine, Events
from monai.data import SmartCacheDataset
from monai.handlers import SmartCacheHandler
from torch.utils.data import Dataset


class DatasetHandler:
    """Move the window of a ``SmartCacheDataset`` on after each epoch, and tell a stream which epoch it is.

    Which class the data set has is decided by memory (:py:func:`imgae_monai.data.memory_aware_dataset`); a config names
    this handler for all of them, and for the others it does nothing.

    Args:
        dataset: the data set that the engine's loader reads.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        if isinstance(self.dataset, SmartCacheDataset):
            SmartCacheHandler(self.dataset).attach(engine)
        if hasattr(self.dataset, "set_epoch"):
            engine.add_event_handler(Events.EPOCH_STARTED, self._set_epoch)

    def _set_epoch(self, engine: Engine) -> None:
        self.dataset.set_epoch(engine.state.epoch)  # type: ignore[attr-defined]
