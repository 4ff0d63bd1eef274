"""The validation split with its abnormal images, to be watched."""

from __future__ import annotations

from typing import Any

from monai.data import Dataset
from monai.transforms import Compose
from torch.utils.data import ChainDataset, ConcatDataset, IterableDataset

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.streaming import StreamedDataset
from imgae_monai.data.unreadable import skipping


def labelled_validation(
    normal: Any, datalist: Datalist, transform: Compose, batch_size: int | None = None, on_unreadable: str = "fail"
) -> Any:
    """Put the abnormal validation images behind the normal ones, or give those alone where there is none.

    The normal images are shared with whoever else reads them, cache and all; abnormal ones are decoded anew each time,
    so that watching takes no memory from training, which might then load its images another way.

    Args:
        normal: data set of the normal validation images.
        datalist: the data.
        transform: of an abnormal image, the same as of a normal one.
        batch_size: that of the loader, by which its workers share a stream.
        on_unreadable: ``"fail"`` or ``"skip"``, as for the normal ones.

    Returns:
        a data set; an iterable one where ``normal`` is.
    """
    if not datalist.counts["val"]["abnormal"]:
        return normal
    items = datalist.select("val", 1)
    transform = skipping(transform, on_unreadable)
    if isinstance(normal, IterableDataset):
        return ChainDataset([normal, StreamedDataset(items, transform, shuffle=False, batch_size=batch_size)])
    return ConcatDataset([normal, Dataset(items, transform)])
