"""Measure every image of a set on all processors, with a progress bar."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from imgae_monai.audit.measurement import Measurement, measure_image
from imgae_monai.audit.shortcuts import SMALL_SIZE
from imgae_monai.exceptions import InputError

MAX_TRAIN_SMALL = 2000  # normal training images whose small version is kept, drawn at random
_MIN_PARALLEL = 200  # below it, a pool takes longer to start than to be of use
_CHUNK = 16


def scan_images(
    items: Sequence[dict[str, Any]], window: str = "auto", workers: int | None = None, seed: int = 0
) -> list[Measurement]:
    """Decode and measure every image.

    Processes and not threads: on 1,958 radiographs of 224 px (2 cores) two processes took 1.1 s, two threads 2.1 s, no
    pool 2.2 s; on 1024 px PNGs both halve the time.

    Args:
        items: dicts with ``image``, ``label``, ``split``.
        window: as in :py:func:`imgae_monai.data.read_image`.
        workers: processes; None for as many as there are processors, and none for fewer than 200 images.
        seed: of the choice of the training images whose small version is kept.

    Returns:
        a measurement an item, in their order. ``small`` is kept of test images and of at most 2,000 training normals.

    Raises:
        InputError: when ``workers`` is below 1, or a process was killed (by want of memory or a decoder's crash).
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers must be 1 or more, got {workers}")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    n_workers = workers or (available if len(items) >= _MIN_PARALLEL else 1)
    kept = _with_small(items, seed)
    measure = functools.partial(_measure_one, window=window)
    tasks = [(item["image"], SMALL_SIZE if i in kept else 0) for i, item in enumerate(items)]
    if n_workers == 1:
        return list(_with_progress(map(measure, tasks), len(tasks)))
    with ProcessPoolExecutor(n_workers) as pool:
        try:
            return list(_with_progress(pool.map(measure, tasks, chunksize=_CHUNK), len(tasks)))
        except BrokenProcessPool as e:
            raise InputError(
                "a process that read images was killed, for want of memory or by a decoder's crash: run again with "
                "--workers 1 to see at which image"
            ) from e


def _measure_one(task: tuple[str, int], window: str) -> Measurement:
    image, small_size = task
    return measure_image(image, window, small_size)


def _with_progress(results: Iterator[Measurement], total: int) -> Iterator[Measurement]:
    from tqdm.auto import tqdm

    yield from tqdm(results, total=total, desc="reading", unit="image", disable=None)


def _with_small(items: Sequence[dict[str, Any]], seed: int) -> set[int]:
    train = [i for i, item in enumerate(items) if item["split"] == "train" and item["label"] == 0]
    if len(train) > MAX_TRAIN_SMALL:
        train = list(np.random.default_rng(seed).permutation(train)[:MAX_TRAIN_SMALL])
    return {int(i) for i in train} | {i for i, item in enumerate(items) if item["split"] == "test"}
