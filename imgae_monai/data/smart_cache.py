"""MONAI's moving window over a data set that is larger than memory, made safe and able to shrink."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from monai.data import SmartCacheDataset

from imgae_monai.data.tensor_arena import TensorArena
from imgae_monai.exceptions import InputError


class MovingCacheDataset(SmartCacheDataset):
    """``SmartCacheDataset`` whose replacement fails with an error and whose window can be made smaller.

    In MONAI 1.6.1 one unreadable replacement ends the background thread without a word, and ``update_cache()`` waits
    for it for ever. Here the error is raised by the next ``update_cache()``. Images lie side by side and are handed out
    without a copy, as in :py:class:`imgae_monai.data.CompactCacheDataset`.

    Args:
        data: items.
        transform: MONAI ``Compose``.
        cache_num: number of images in the window.
        replace_rate: share of the window that is replaced each epoch.
        seed: seed of the order in which the window moves over the data.
        num_workers: threads that fill the window and that replace its images.
        progress: whether to show a progress bar while it is filled.
    """

    def __init__(
        self,
        data: Sequence[Any],
        transform: Sequence[Callable] | Callable,
        cache_num: int,
        replace_rate: float,
        seed: int = 0,
        num_workers: int = 2,
        progress: bool = True,
    ) -> None:
        self._failure: Exception | None = None
        self._arena = TensorArena()
        super().__init__(
            data=data,
            transform=transform,
            replace_rate=replace_rate,
            cache_num=cache_num,
            num_init_workers=num_workers,
            num_replace_workers=num_workers,
            progress=progress,
            shuffle=True,
            seed=seed,
            copy_cache=False,
        )
        self._update_lock = threading.RLock()  # type: ignore[assignment]  # held over a check and MONAI's own step

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> MovingCacheDataset:
        """Seed the order of the window, and the random transforms.

        A loader seeds what it finds to be random first: MONAI's data set would keep the seed for itself, and every
        worker would repeat the same augmentation in every epoch.
        """
        super().set_random_state(seed, state)
        if hasattr(self, "transform"):  # not yet while it is built
            self.transform.set_random_state(seed, state)
        return self

    def __getstate__(self) -> dict[str, Any]:
        raise InputError(
            "cache 'smart' can't be handed to workers that are spawned (macOS, Windows), since its window moves in "
            "this process: set num_workers to 0, or cache to memory, persistent or none"
        )

    def _load_cache_item(self, idx: int) -> Any:
        return self._arena.put_item(super()._load_cache_item(idx))

    def _replace_cache_thread(self, index: int) -> None:
        try:
            super()._replace_cache_thread(index)
        except Exception as e:  # whatever it is, it belongs to the training thread
            self._failure = e

    def _try_update_cache(self) -> bool:
        with self._update_lock:
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure
            return super()._try_update_cache()

    def window(self) -> dict[str, int]:
        """Where the window is: what :py:meth:`move_window` takes."""
        # without the lock, which is held while images are replaced; only the training thread changes these
        return {"start": self._start_pos, "cache_num": self.cache_num, "replace_num": self._replace_num}

    def move_window(self, start: int, cache_num: int, replace_num: int) -> None:
        """Put the window where it was, and fill it; a running replacement goes on from there.

        Args:
            start: index of its first image, in the order that the seed gave.
            cache_num: number of images, at most the present one.
            replace_num: number of images that are replaced each epoch.

        Raises:
            InputError: when the window was larger, or so many can't be replaced: memory was other than it is now.
        """
        if not 1 <= cache_num <= self.cache_num or not 0 <= replace_num <= self._total_num - cache_num:
            raise InputError(
                f"the window was of {cache_num} images, of which {replace_num} were replaced, now it is of "
                f"{self.cache_num}: there is another amount of memory than there was; set memory_budget to what it was"
            )
        running = self.is_started()
        self.shutdown()
        with self._update_lock:
            self._failure = None  # of an image that is not due here
            self.cache_num, self._replace_num = cache_num, replace_num
            self._replacements = [None] * replace_num
            self._replace_data_idx = list(range(replace_num))
            self._start_pos, self._replace_done = start, False
            self._compute_data_idx()
            self._cache = []
            self._arena = TensorArena()
            self._cache = self._fill_cache([(start + i) % self._total_num for i in range(cache_num)])
        if running:
            self.start()

    def shrink(self, cache_num: int) -> None:
        """Make the window smaller and let go of the images that no longer fit.

        Args:
            cache_num: new number of images, at least 1 and at most the present one.

        Raises:
            ValueError: when it is out of range.
        """
        if not 1 <= cache_num <= self.cache_num:
            raise ValueError(f"cache_num must be between 1 and {self.cache_num}, got {cache_num}")
        with self._update_lock:
            del self._cache[cache_num:]
            self._replace_num = min(math.ceil(cache_num * self._replace_num / self.cache_num), self._replace_num)
            self.cache_num = cache_num
            self._replacements = [None] * self._replace_num
            self._replace_data_idx = list(range(self._replace_num))
            self._compute_data_idx()
            if self._replace_done:  # what was prepared belongs behind the old window
                self._replace_done = False
                self._round += 1
