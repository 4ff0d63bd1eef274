"""Keep the best weights, also over a resume."""

from __future__ import annotations

from typing import Any

from monai.handlers import CheckpointSaver


class BestCheckpointSaver(CheckpointSaver):
    """MONAI's ``CheckpointSaver`` for the weights with the lowest metric, whose memory of the best can be saved.

    MONAI's own can load such a state but has no ``state_dict`` to make one: after a resume its first validation
    overwrites the best weights, however bad it is.

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

    def state_dict(self) -> dict[str, Any]:
        """The best metric so far; ``load_state_dict`` is MONAI's."""
        if self._key_metric_checkpoint is None:
            raise RuntimeError("no key metric checkpoint was made")
        return dict(self._key_metric_checkpoint.state_dict())
