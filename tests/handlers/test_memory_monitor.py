from __future__ import annotations

import logging
import os

import pytest
import torch
from ignite.engine import Engine
from monai.data import Dataset
from monai.transforms import Compose
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.data import CompactCacheDataset, cached_bytes, memory
from imgae_monai.handlers import MemoryMonitor

MB = 10**6


def images(n: int) -> CompactCacheDataset:
    """``n`` images of one megabyte."""
    data = [{"image": torch.full((MB,), i % 256, dtype=torch.uint8)} for i in range(n)]
    return CompactCacheDataset(data, Compose([]), n, progress=False)


@pytest.fixture
def available(monkeypatch):
    """Set what the container has left of its 1000 MB."""
    monkeypatch.setattr(memory, "memory_limit", lambda: 1000 * MB)

    def leave(megabytes: float) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda: int(megabytes * MB))

    return leave


def run(datasets, folder, epochs: int = 1, **options) -> dict[str, list[tuple[int, float]]]:
    monitor = MemoryMonitor(datasets, str(folder), **options)
    engine = Engine(lambda engine, batch: None)
    monitor.attach(engine)
    engine.run([0], max_epochs=epochs)
    monitor.close()
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_memory_is_logged_each_epoch_in_megabytes(available, tmp_path):
    available(800)
    logged = run([images(20), images(5), Dataset([1])], tmp_path, epochs=3)
    assert logged["memory/cache"] == [(epoch, 25.0) for epoch in (1, 2, 3)]
    assert logged["memory/available"] == [(epoch, 800.0) for epoch in (1, 2, 3)]
    own = memory.psutil.Process(os.getpid()).memory_info().rss / MB
    assert all(0.5 * own < value < 2 * own for _, value in logged["memory/process"])


def test_nothing_is_lowered_while_enough_is_left(available, tmp_path, caplog):
    available(50)
    dataset = images(20)
    run([dataset], tmp_path)
    assert cached_bytes(dataset) == 20 * MB
    assert caplog.text == ""


def test_caches_are_lowered_under_pressure_with_a_warning(available, tmp_path, caplog):
    available(40)
    dataset = images(100)
    with caplog.at_level(logging.WARNING):
        logged = run([dataset], tmp_path)
    assert cached_bytes(dataset) == 40 * MB  # 60 let go of, so that 100 would be left
    assert logged["memory/cache"] == [(1, 40.0)]
    assert "only 40 MB of memory are left: 60 cached images are let go of and will be decoded anew" in caplog.text
    assert [int(dataset[i]["image"][0]) for i in range(100)] == list(range(100))


def test_the_next_data_set_is_lowered_where_the_first_is_not_enough(available, tmp_path):
    available(40)
    first, second = images(10), images(100)
    run([first, Dataset([1]), second], tmp_path)
    assert (cached_bytes(first), cached_bytes(second)) == (0, 50 * MB)


def test_without_a_cache_there_is_nothing_to_warn_of(available, tmp_path, caplog):
    available(1)
    run([Dataset([1])], tmp_path)
    assert caplog.text == ""


def test_the_reserve_is_an_argument(available, tmp_path):
    available(40)
    dataset = images(10)
    run([dataset], tmp_path, reserve=0.02)
    assert cached_bytes(dataset) == 10 * MB


@pytest.mark.parametrize("reserve", [-0.1, 1.0])
def test_a_reserve_out_of_range_is_refused(tmp_path, reserve):
    with pytest.raises(ValueError, match=rf"reserve must be in \[0, 1\), got {reserve}"):
        MemoryMonitor([], str(tmp_path), reserve=reserve)
