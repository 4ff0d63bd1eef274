"""MONAI's cache in memory, its images side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monai.data import CacheDataset

from imgae_monai.data.tensor_arena import TensorArena, pack_items, unpack_items


class CompactCacheDataset(CacheDataset):
    """``CacheDataset`` that takes the memory of its images and little more, see
    :py:class:`imgae_monai.data.TensorArena`.

    Items are handed out without a copy, so the first random transform must leave its input as it is
    (:py:class:`imgae_monai.transforms.RestoreUnitd` does).

    Args:
        data: items.
        transform: MONAI ``Compose``.
        cache_num: number of images to hold, the first ones of ``data``.
        num_workers: threads that fill the cache.
        progress: whether to show a progress bar meanwhile.
    """

    def __init__(
        self,
        data: Sequence[Any],
        transform: Sequence[Callable] | Callable,
        cache_num: int,
        num_workers: int = 2,
        progress: bool = True,
    ) -> None:
        self._arena = TensorArena()
        super().__init__(
            data, transform, cache_num=cache_num, num_workers=num_workers, progress=progress, copy_cache=False
        )

    def _load_cache_item(self, idx: int) -> Any:
        return self._arena.put_item(super()._load_cache_item(idx))

    def __getstate__(self) -> dict[str, Any]:
        """For workers that are spawned (macOS, Windows); forked ones inherit the cache."""
        return {**self.__dict__, "_cache": pack_items(self._cache)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cache = unpack_items(*state["_cache"])

    def shrink(self, cache_num: int) -> None:
        """Let go of images; they are decoded anew from now on.

        Args:
            cache_num: new number of images, at least 0 and at most the present one.

        Raises:
            ValueError: when it is out of range.
        """
        if not 0 <= cache_num <= self.cache_num:
            raise ValueError(f"cache_num must be between 0 and {self.cache_num}, got {cache_num}")
        self.cache_num = cache_num
        del self._cache[cache_num:]
