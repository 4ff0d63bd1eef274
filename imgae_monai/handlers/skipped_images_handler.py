"""List the images that loaders leave out, and stop where they are too many."""

from __future__ import annotations

from ignite.engine import Engine, Events

from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.data.unreadable import left_out
from imgae_monai.exceptions import InputError

# of an epoch's images. A study that has silently lost a tenth of its patients is another study; and so many unreadable
# files are a disk that fails or a wrong folder, which no skipping mends
LARGEST_SHARE = 0.1


class SkippedImagesHandler:
    """Put what :py:func:`imgae_monai.data.collate_readable` left out of the batches on a list.

    Args:
        skipped: the list.
        validator: evaluator that is watched in the same way.
    """

    def __init__(self, skipped: SkippedImages, validator: Engine | None = None) -> None:
        self.skipped = skipped
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        for watched in (engine, self.validator):
            if watched is not None:
                _Watch(self.skipped).attach(watched)


class _Watch:
    """One engine's."""

    def __init__(self, skipped: SkippedImages) -> None:
        self.skipped = skipped
        self._missing: set[str] = set()

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.EPOCH_STARTED, lambda engine: self._missing.clear())
        engine.add_event_handler(Events.GET_BATCH_COMPLETED, self._add)

    def _add(self, engine: Engine) -> None:
        images = left_out(engine.state.batch)
        if not images:
            return
        self.skipped.add(images)
        self._missing.update(image.path for image in images)
        n_images = len(engine.state.dataloader.dataset)
        if len(self._missing) > LARGEST_SHARE * n_images:
            raise InputError(
                f"{len(self._missing)} of {n_images} images of an epoch can't be read, more than {LARGEST_SHARE:.0%}: "
                f"mend the data or take them out of the list; the last is {images[-1].path} ({images[-1].reason})"
            )
