"""Choose how images are cached, from their size, their number and what memory there is, and say why."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import PathLike
from monai.transforms import Compose, RandomizableTrait, Transform
from monai.utils import look_up_option

from imgae_monai.data.memory import MemoryBudget
from imgae_monai.data.unreadable import SkippedImage
from imgae_monai.exceptions import InputError

CACHES = ("auto", "memory", "smart", "persistent", "none")
ITEM_OVERHEAD = 3000  # bytes of Python objects an image: its entry in the data list, its dictionary, its tensor's head
_SAMPLES = 8
_SMALLEST_WINDOW = 0.1  # of the data set: a smaller moving window would be too unlike the set


@dataclasses.dataclass(frozen=True)
class CachePlan:
    """What was chosen.

    Args:
        cache: ``"memory"``, ``"smart"``, ``"persistent"`` or ``"none"``.
        cache_num: number of images held in memory at a time.
        item_bytes: bytes of one cached image, Python's own included.
        reason: the choice and why, one sentence.
    """

    cache: str
    cache_num: int
    item_bytes: int
    reason: str


def item_bytes(item: Any) -> int:
    """Bytes of the arrays and tensors in an item."""
    if isinstance(item, torch.Tensor):
        return item.numel() * item.element_size()
    if isinstance(item, np.ndarray):
        return item.nbytes
    values = item.values() if isinstance(item, Mapping) else item if isinstance(item, list | tuple) else ()
    return sum(item_bytes(value) for value in values)


def measure_item(data: Sequence[Any], transform: Compose) -> int:
    """Bytes of one image after the deterministic transforms: the largest of up to eight, spread over the data.

    Raises:
        InputError: when one of them can't be read, or (where such are skipped) none of them.
    """
    first_random = transform.get_index_of_first(
        lambda t: isinstance(t, RandomizableTrait) or not isinstance(t, Transform)
    )
    chosen = np.unique(np.linspace(0, len(data) - 1, min(_SAMPLES, len(data)), dtype=int))
    items = [transform(data[i], end=first_random) for i in chosen]
    readable = [item_bytes(item) for item in items if not isinstance(item, SkippedImage)]
    if not readable:
        raise InputError(f"none of {len(items)} images can be read, as {items[0].path} ({items[0].reason})")
    return max(readable) + ITEM_OVERHEAD


def plan_cache(
    n_items: int,
    item_size: int,
    budget: MemoryBudget,
    cache: str = "auto",
    cache_rate: float = 1.0,
    cache_dir: PathLike | None = None,
    replace_rate: float = 0.25,
    whole: bool = False,
) -> CachePlan:
    """Choose a cache and take its memory from the budget.

    ``"auto"`` takes the first that works: everything in memory; everything on disk, where a ``cache_dir`` with room is
    given; a window in memory that moves on by ``replace_rate`` each epoch (or, for ``whole``, a part that stays while
    the rest is decoded); nothing, where even a tenth of the images is too much.

    Args:
        n_items: number of images.
        item_size: bytes of one cached image, see :py:func:`measure_item`.
        budget: what memory there is; what the cache needs is taken from it.
        cache: ``"auto"``, or one by name: ``"memory"`` (as much as fits), ``"smart"``, ``"persistent"``, ``"none"``.
        cache_rate: share of the images to be held in memory at the most, 0 to 1.
        cache_dir: folder for ``"persistent"``.
        replace_rate: share of the window that ``"smart"`` replaces each epoch, and holds ready beside it, in (0, 1].
        whole: every epoch must see every image (validation, test): rules ``"smart"`` out.

    Raises:
        InputError: when what was asked for by name is impossible, or an argument is out of range.
    """
    cache = look_up_option(cache, CACHES)
    if not 0 <= cache_rate <= 1:
        raise InputError(f"cache_rate must be in [0, 1], got {cache_rate}")
    if not 0 < replace_rate <= 1:
        raise InputError(f"replace_rate must be in (0, 1], got {replace_rate}")
    if cache == "smart" and whole:
        cache = "memory"  # asked for in training; a window of a validation set would be another set each time
    fits = min(int(cache_rate * n_items), budget.left // item_size)
    window = min(int(cache_rate * n_items), int(budget.left / (item_size * (1 + replace_rate))))
    facts = (
        f"{n_items} images of {item_size / 1000:.1f} kB make {_size(n_items * item_size)}, the budget leaves "
        f"{_size(budget.left)}"
    )
    if cache == "auto":
        cache = _choose(n_items, item_size, fits, window, cache_rate, cache_dir, whole)
    if cache == "persistent":
        return CachePlan(cache, 0, item_size, f"{facts}: decoded images are kept on disk in {_folder(cache_dir)}")
    if cache == "memory":
        budget.take(fits * item_size)
        rest = "" if fits == n_items else f", the other {n_items - fits} are decoded whenever they are read"
        return CachePlan(cache, fits, item_size, f"{facts}: {fits} are kept in memory{rest}")
    if cache == "smart":
        if not 1 <= window < n_items:
            raise InputError(
                f"a moving window of images needs room for at least one and less than all of them; {facts}: raise "
                "memory_budget, or set cache to auto"
            )
        budget.take(int(window * item_size * (1 + replace_rate)))
        reason = f"{facts}: an epoch sees a window of {window}, of which {replace_rate:.0%} are replaced after each"
        return CachePlan(cache, window, item_size, reason)
    return CachePlan(cache, 0, item_size, f"{facts}: every image is decoded whenever it is read")


def _choose(
    n_items: int,
    item_size: int,
    fits: int,
    window: int,
    cache_rate: float,
    cache_dir: PathLike | None,
    whole: bool,
) -> str:
    if cache_rate == 0:
        return "none"
    if fits >= int(cache_rate * n_items):
        return "memory"
    if cache_dir is not None and _free_disk(Path(cache_dir)) >= n_items * item_size:
        return "persistent"
    if window >= max(1, _SMALLEST_WINDOW * n_items):
        return "memory" if whole else "smart"
    return "none"


def _folder(cache_dir: PathLike | None) -> Path:
    if cache_dir is None:
        raise InputError("cache 'persistent' needs a cache_dir: name a folder with room for the decoded images")
    return Path(cache_dir)


def _free_disk(folder: Path) -> int:
    existing = next(p for p in [folder.absolute(), *folder.absolute().parents] if p.exists())
    return shutil.disk_usage(existing).free


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.1f} MB"
