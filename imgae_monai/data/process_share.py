"""A process's own share of the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
from monai.data import partition_dataset

from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.exceptions import InputError


def process_share(items: Sequence[dict[str, Any]], padded: bool) -> list[dict[str, Any]]:
    """Every n-th item of a data list, for one of n processes: it caches these alone, and always has the same.

    Items of a stream are all given back, as :py:class:`imgae_monai.data.StreamedDataset` shares them out itself.

    Args:
        items: all of them, the same in every process.
        padded: whether all shares are made equally long, by giving the first few items to a second process too: right
            for training, wrong for whatever is counted.

    Raises:
        InputError: when there are fewer items than processes.

    Example:
        >>> process_share([{"image": "a.png"}], padded=True)  # the only process
        [{'image': 'a.png'}]
    """
    n, rank = idist.get_world_size(), idist.get_rank()
    if n == 1 or (items and is_streamed(items[0]["image"])):
        return list(items)
    if len(items) < n:
        raise InputError(f"{len(items)} image(s) can't be shared by {n} processes: start fewer")
    return list(partition_dataset(items, num_partitions=n, even_divisible=padded)[rank])
