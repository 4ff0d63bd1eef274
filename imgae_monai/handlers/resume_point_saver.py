"""Save what a run needs to go on."""

from __future__ import annotations

import ignite.distributed as idist
from ignite.engine import Engine
from monai.handlers import CheckpointSaver

from imgae_monai.engines.run_folder import resume_points
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.atomic_saver import AtomicSaver


class ResumePointSaver(CheckpointSaver):
    """MONAI's ``CheckpointSaver`` at the end of epochs, safe against a death at any moment.

    MONAI's own writes in place and deletes the oldest file first, and after a resume it forgets the files of before.
    Attach this after every other handler of an epoch's end, so that the next epoch starts from what was saved.

    Args:
        save_dir: folder of ``checkpoint_epoch=N.pt``.
        save_dict: objects with ``state_dict`` and ``load_state_dict``, by name.
        save_interval: epochs from one to the next.
        n_saved: number of files to keep, at least 2: where the last can't be read, the one before it is used.

    Raises:
        InputError: when ``n_saved`` or ``save_interval`` is too small.
    """

    def __init__(self, save_dir: str, save_dict: dict, save_interval: int = 1, n_saved: int = 2) -> None:
        if n_saved < 2:
            raise InputError(f"n_saved must be at least 2, got {n_saved}: one point may be spoilt, the other is needed")
        if save_interval < 1:
            raise InputError(f"save_interval must be at least 1, got {save_interval}")
        super().__init__(save_dir=save_dir, save_dict=save_dict, save_interval=save_interval)
        if self._interval_checkpoint is None:
            raise RuntimeError("no interval checkpoint was made")
        self._interval_checkpoint.save_handler = AtomicSaver(save_dir)
        self.n_saved = n_saved

    def interval_completed(self, engine: Engine) -> None:
        """Save, then delete what is older than the newest ``n_saved``."""
        super().interval_completed(engine)
        if idist.get_rank() == 0:
            for path in resume_points(self.save_dir)[self.n_saved :]:
                path.unlink(missing_ok=True)
