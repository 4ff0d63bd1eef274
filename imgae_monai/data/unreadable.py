"""Leave images that can't be read out of their batches, and say so, instead of ending the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from monai.data import list_data_collate
from monai.transforms import Compose
from monai.utils import look_up_option

from imgae_monai.exceptions import InputError, UnreadableImage

ON_UNREADABLE = ("fail", "skip")


@dataclasses.dataclass(frozen=True)
class SkippedImage:
    """Stands for an image that can't be read, from the data set to the collate function.

    Args:
        path: of the image, as the data list names it.
        reason: the reader's message.
    """

    path: str
    reason: str


class SkippingCompose(Compose):
    """``Compose`` that turns an image that can't be read into a :py:class:`SkippedImage` and hands that on as it is.

    Every data set of MONAI calls its transforms through ``Compose``, in a worker, in a thread that fills a cache or in
    the main process; so this is the one place where an image can be left out of all of them. Any other error passes
    through.
    """

    def __call__(
        self,
        input_: Any,
        start: int = 0,
        end: int | None = None,
        threading: bool = False,
        lazy: bool | None = None,
    ) -> Any:
        """See ``monai.transforms.Compose``."""
        if isinstance(input_, SkippedImage):
            return input_
        try:
            return super().__call__(input_, start, end, threading, lazy)
        except Exception as e:  # MONAI raises a RuntimeError over what a transform raises
            fault = _unreadable(e)
            if fault is None:
                raise
            return SkippedImage(_path(input_), str(fault))


def skipping(transform: Compose, on_unreadable: str) -> Compose:
    """The transforms as they are for ``"fail"``, or for ``"skip"`` as a :py:class:`SkippingCompose`.

    Raises:
        ValueError: when ``on_unreadable`` is neither.
    """
    if look_up_option(on_unreadable, ON_UNREADABLE) == "fail":
        return transform
    return SkippingCompose(
        transform.transforms,
        transform.map_items,
        transform.unpack_items,
        transform.log_stats,
        transform.lazy,
        transform.overrides,
    )


class _ShortBatch(dict):
    """A batch without its skipped images. An attribute, since an engine would decollate a key of its own."""

    skipped: tuple[SkippedImage, ...] = ()


def collate_readable(items: Sequence[Any]) -> Any:
    """MONAI's ``list_data_collate`` over what could be read; :py:func:`left_out` tells what is missing.

    Nothing takes a skipped image's place: the batch is smaller.

    Raises:
        InputError: when nothing is left.
    """
    skipped = tuple(item for item in items if isinstance(item, SkippedImage))
    if not skipped:
        return list_data_collate(items)
    left = [item for item in items if not isinstance(item, SkippedImage)]
    if not left:
        raise InputError(
            f"none of a batch's {len(items)} image(s) can be read, {skipped[0].path} first ({skipped[0].reason}); mend "
            "the data, or raise batch_size if it is 1"
        )
    batch = _ShortBatch(list_data_collate(left))
    batch.skipped = skipped
    return batch


def left_out(batch: Any) -> tuple[SkippedImage, ...]:
    """The images that :py:func:`collate_readable` left out of a batch."""
    return batch.skipped if isinstance(batch, _ShortBatch) else ()


def _unreadable(error: BaseException) -> UnreadableImage | None:
    step: BaseException | None = error
    while step is not None and not isinstance(step, UnreadableImage):
        step = step.__cause__ or step.__context__
    return step


def _path(item: Any) -> str:
    return str(item.get("image_path", item.get("image"))) if isinstance(item, Mapping) else str(item)
