"""Keep the best weights, also over a resume."""

from __future__ import annotations

from typing import Any

from ignite.handlers import Checkpoint
from monai.handlers import CheckpointSaver

from imgae_monai.handlers.atomic_saver import AtomicSaver


class BestCheckpointSaver(CheckpointSaver):
    """MONAI's ``CheckpointSaver`` for the weights with the lowest metric, whose memory of the best can be saved.

    MONAI's own can load such a state but has no ``state_dict`` to make one: after a resume its first validation
    overwrites the best weights, however bad it is. And it deletes the best weights before it writes better ones; here
    they stay until those are on the disk.

    Args:
        save_dir: folder to save to.
        save_dict: what to save, by name; one object is saved as its bare state dict.
        filename: name of the file.
    """

    def __init__(self, save_dir: str, save_dict: dict, filename: str) -> None:
        super().__init__(
            save_dir=save_dir,
            save_dict=save_dict,
            save_key_metric=True,
            key_metric_filename=filename,
            key_metric_negative_sign=True,
        )
        self._checkpoint().save_handler = AtomicSaver(save_dir, filename)

    def state_dict(self) -> dict[str, Any]:
        """The best metric so far; ``load_state_dict`` is MONAI's."""
        return dict(self._checkpoint().state_dict())

    def _checkpoint(self) -> Checkpoint:
        if self._key_metric_checkpoint is None:
            raise RuntimeError("no key metric checkpoint was made")
        return self._key_metric_checkpoint
