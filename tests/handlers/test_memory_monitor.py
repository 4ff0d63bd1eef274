from __future__ import annotations

import logging
import os

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import Dataset
from monai.transforms import Compose

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


def run(datasets, epochs: int = 1, **options) -> list[dict[str, int]]:
    """What is measured in each epoch, in bytes."""
    monitor = MemoryMonitor(datasets, **options)
    engine = Engine(lambda engine, batch: None)
    monitor.attach(engine)
    measured: list[dict[str, int]] = []
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: measured.append(engine.state.memory))
    engine.run([0], max_epochs=epochs)
    return measured


def test_memory_is_measured_each_epoch_in_bytes(available):
    available(800)
    measured = run([images(20), images(5), Dataset([1])], epochs=3)
    assert [m["cache"] for m in measured] == [25 * MB] * 3
    assert [m["available"] for m in measured] == [800 * MB] * 3
    own = memory.psutil.Process(os.getpid()).memory_info().rss
    assert all(0.5 * own < m["process"] < 2 * own for m in measured)


def test_nothing_is_lowered_while_enough_is_left(available, caplog):
    available(50)
    dataset = images(20)
    run([dataset])
    assert cached_bytes(dataset) == 20 * MB
    assert caplog.text == ""


def test_caches_are_lowered_under_pressure_with_a_warning(available, caplog):
    available(40)
    dataset = images(100)
    with caplog.at_level(logging.WARNING):
        measured = run([dataset])
    assert cached_bytes(dataset) == 40 * MB  # 60 let go of, so that 100 would be left
    assert measured[0]["cache"] == 40 * MB
    assert "only 40 MB of memory are left: 60 cached images are let go of and will be decoded anew" in caplog.text
    assert [int(dataset[i]["image"][0]) for i in range(100)] == list(range(100))


def test_the_next_data_set_is_lowered_where_the_first_is_not_enough(available):
    available(40)
    first, second = images(10), images(100)
    run([first, Dataset([1]), second])
    assert (cached_bytes(first), cached_bytes(second)) == (0, 50 * MB)


def test_without_a_cache_there_is_nothing_to_warn_of(available, caplog):
    available(1)
    run([Dataset([1])])
    assert caplog.text == ""


def test_the_reserve_is_an_argument(available):
    available(40)
    dataset = images(10)
    run([dataset], reserve=0.02)
    assert cached_bytes(dataset) == 10 * MB


@pytest.mark.parametrize("reserve", [-0.1, 1.0])
def test_a_reserve_out_of_range_is_refused(reserve):
    with pytest.raises(ValueError, match=rf"reserve must be in \[0, 1\), got {reserve}"):
        MemoryMonitor([], reserve=reserve)
