"""One data set class or another, as memory allows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from monai.config import PathLike
from monai.data import Dataset
from monai.transforms import Compose

from imgae_monai.data.cache_plan import CachePlan, item_bytes, measure_item, plan_cache
from imgae_monai.data.compact_cache import CompactCacheDataset
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.memory import MemoryBudget
from imgae_monai.data.persistent_cache import DiskCacheDataset
from imgae_monai.data.smart_cache import MovingCacheDataset
from imgae_monai.data.streaming import StreamedDataset
from imgae_monai.data.unreadable import skipping

logger = logging.getLogger(__name__)


def memory_aware_dataset(
    data: Sequence[dict[str, Any]],
    transform: Compose,
    budget: MemoryBudget,
    cache: str = "auto",
    cache_rate: float = 1.0,
    cache_dir: PathLike | None = None,
    replace_rate: float = 0.25,
    whole: bool = False,
    seed: int = 0,
    num_workers: int = 2,
    progress: bool = True,
    name: str = "data",
    shuffle_buffer: int = 1000,
    batch_size: int | None = None,
    on_unreadable: str = "fail",
) -> Dataset | StreamedDataset:
    """Build a ``CacheDataset``, ``SmartCacheDataset``, ``PersistentDataset`` or plain ``Dataset``, whichever fits.

    Items of a stream get a :py:class:`imgae_monai.data.StreamedDataset`, which holds nothing. The choice and its reason
    are logged. See :py:func:`imgae_monai.data.plan_cache` for how it is made.

    Args:
        data: items.
        transform: the cache ends before its first random transform.
        budget: memory for all caches of the run; the first data set built is served first.
        cache: ``"auto"``, ``"memory"``, ``"smart"``, ``"persistent"`` or ``"none"``.
        cache_rate: share of the images to be held in memory at the most, 0 to 1.
        cache_dir: folder for images decoded once and kept on disk; they are found again by path, contents' hash and
            transforms.
        replace_rate: share of a moving window that is replaced each epoch.
        whole: every epoch must see every image (validation, test).
        seed: seed of the order in which a window moves over the data.
        num_workers: threads that fill the cache.
        progress: whether to show a progress bar meanwhile.
        name: what the data are called in the log.
        shuffle_buffer: encoded images in a stream's shuffle buffer, in each worker.
        batch_size: that of the loader, by which its workers share a stream.
        on_unreadable: ``"fail"`` raises where an image can't be read; ``"skip"`` makes it a
            :py:class:`imgae_monai.data.SkippedImage`, for a loader with :py:func:`imgae_monai.data.collate_readable`.

    Raises:
        InputError: when an image that is read can't be, or the cache asked for is impossible.
    """
    transform = skipping(transform, on_unreadable)
    if is_streamed(data[0]["image"]):
        logger.info("%s: %d images are streamed, none is kept", name, len(data))
        return StreamedDataset(
            data, transform, shuffle=not whole, buffer_size=shuffle_buffer, seed=seed, batch_size=batch_size
        )
    plan = plan_cache(
        len(data), measure_item(data, transform), budget, cache, cache_rate, cache_dir, replace_rate, whole
    )
    logger.info("%s: %s", name, plan.reason)
    return _build(plan, data, transform, cache_dir, replace_rate, seed, num_workers, progress)


def _build(
    plan: CachePlan,
    data: Sequence[dict[str, Any]],
    transform: Compose,
    cache_dir: PathLike | None,
    replace_rate: float,
    seed: int,
    num_workers: int,
    progress: bool,
) -> Dataset:
    if plan.cache == "persistent" and cache_dir is not None:
        return DiskCacheDataset(data, transform, cache_dir)
    if plan.cache == "smart":
        return MovingCacheDataset(data, transform, plan.cache_num, replace_rate, seed, num_workers, progress)
    if plan.cache == "memory" and plan.cache_num:
        return CompactCacheDataset(data, transform, plan.cache_num, num_workers, progress)
    return Dataset(data, transform)


def cached_bytes(dataset: Any) -> int:
    """Bytes of the images that a data set holds in memory, 0 where it holds none."""
    return sum(item_bytes(item) for item in getattr(dataset, "_cache", None) or ())


def lower_cache(dataset: Any, n_bytes: int) -> int:
    """Let a data set let go of images until at least ``n_bytes`` are free, or as many as it can.

    What is dropped is decoded anew when its turn comes (:py:class:`imgae_monai.data.CompactCacheDataset`), or the
    window gets smaller (:py:class:`imgae_monai.data.MovingCacheDataset`, which keeps one image).

    Returns:
        the number of images that were dropped.
    """
    if not isinstance(dataset, CompactCacheDataset | MovingCacheDataset):
        return 0
    held = dataset._cache
    least = 1 if isinstance(dataset, MovingCacheDataset) else 0
    keep, freed = len(held), 0
    while keep > least and freed < n_bytes:
        keep -= 1
        freed += item_bytes(held[keep])
    dropped = len(held) - keep
    dataset.shrink(keep)
    return dropped
