"""Put a checkpoint on the disk wholly or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.handlers.checkpoint import BaseSaveHandler
from monai.config import PathLike

from imgae_monai.data.atomic_write import atomic_write


class AtomicSaver(BaseSaveHandler):
    """Where ignite's ``Checkpoint`` saves to: the file before stays until the new one is whole and flushed.

    MONAI's own writes in place, and ignite deletes what is to be replaced before it writes: a process that dies
    meanwhile leaves no weights at all. So ``remove`` does nothing here, and old files are the owner's affair.

    Args:
        folder: where to save; it is created.
        filename: name to save by, whatever ignite would call it.
    """

    def __init__(self, folder: PathLike, filename: str | None = None) -> None:
        self.folder = Path(folder)
        self.filename = filename

    def __call__(self, checkpoint: Mapping, filename: str, metadata: Mapping | None = None) -> None:
        """
        Raises:
            InputError: when the system refuses to write, as on a full disk.
        """
        if idist.get_rank() != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.folder / (self.filename or filename)) as file:
            torch.save(checkpoint, file)

    def remove(self, filename: str) -> None:
        """Leave the file: the new one takes its place when it is whole."""
