"""Watch memory, and let go of cached images before the system kills the process."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ignite.engine import Engine, Events
from torch.utils.data import Dataset

from imgae_monai.data import memory
from imgae_monai.data.memory_aware import cached_bytes, lower_cache

logger = logging.getLogger(__name__)

_MEGABYTE = 10**6


class MemoryMonitor:
    """Measure memory after each epoch, and lower the caches when little is left.

    Kept in bytes as ``engine.state.memory``, for whatever tracks the run: ``process`` (with loader workers), ``cache``
    (cached images) and ``available`` (what the container may still take). Where less than ``reserve`` of the
    container's memory is available, cached images are dropped until twice that should be, with a warning; batches are
    never made smaller. An epoch keeps its number of steps, so a moving window that got smaller is passed over more than
    once.

    Args:
        datasets: data sets whose caches may be lowered, the first one first.
        reserve: share of the container's memory that should stay available, in [0, 1).

    Raises:
        ValueError: when ``reserve`` is out of range.
    """

    def __init__(self, datasets: Sequence[Dataset], reserve: float = 0.05) -> None:
        if not 0 <= reserve < 1:
            raise ValueError(f"reserve must be in [0, 1), got {reserve}")
        self.datasets = datasets
        self.reserve = reserve

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        available = memory.available_memory()
        wanted = int(self.reserve * memory.memory_limit())
        if available < wanted:
            self._lower(2 * wanted - available, available)
        engine.state.memory = {
            "process": memory.process_memory(),
            "cache": sum(cached_bytes(dataset) for dataset in self.datasets),
            "available": memory.available_memory(),
        }

    def _lower(self, n_bytes: int, available: int) -> None:
        dropped = 0
        for dataset in self.datasets:
            before = cached_bytes(dataset)
            dropped += lower_cache(dataset, n_bytes)
            n_bytes -= before - cached_bytes(dataset)
            if n_bytes <= 0:
                break
        if dropped:
            logger.warning(
                "only %.0f MB of memory are left: %d cached images are let go of and will be decoded anew; lower "
                "memory_budget, or give a cache_dir",
                available / _MEGABYTE,
                dropped,
            )
