from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import psutil
import pytest
import torch

from imgae_monai.data import MemoryBudget, available_memory, memory, memory_limit, process_memory, resolve_budget
from imgae_monai.exceptions import InputError

MB = 10**6


def machine(root: Path, cgroup: str, files: dict[str, str]) -> dict[str, Path]:
    """A process file system and control groups as a kernel lays them out."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, content in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return {"proc": root / "proc", "cgroups": root / "cgroup"}


def test_a_version_2_group_limits_what_is_available(tmp_path):
    where = machine(
        tmp_path,
        "0::/job\n",
        {
            "job/memory.max": f"{100 * MB}\n",
            "job/memory.current": f"{70 * MB}\n",
            "job/memory.stat": f"anon {40 * MB}\nshmem 7\ninactive_file {15 * MB}\nactive_file {5 * MB}\n",
        },
    )
    assert available_memory(**where) == 50 * MB  # 100 - (70 - 15 - 5): pages of files can be dropped
    assert memory_limit(**where) == 100 * MB


def test_a_group_above_counts_too_and_max_is_no_limit(tmp_path):
    where = machine(
        tmp_path,
        "0::/pod/job\n",
        {
            "pod/job/memory.max": "max\n",
            "pod/job/memory.current": f"{10 * MB}\n",
            "pod/memory.max": f"{80 * MB}\n",
            "pod/memory.current": f"{60 * MB}\n",
        },
    )
    assert available_memory(**where) == 20 * MB
    assert memory_limit(**where) == 80 * MB


def test_a_version_1_group_is_read_and_its_root_where_the_own_group_is_not_mounted(tmp_path):
    where = machine(
        tmp_path,
        "9:name=systemd:/x\n4:cpu,memory:/docker/abc\n",
        {
            "memory/memory.limit_in_bytes": f"{64 * MB}\n",
            "memory/memory.usage_in_bytes": f"{30 * MB}\n",
            "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {4 * MB}\ntotal_active_file {2 * MB}\n",
        },
    )
    assert available_memory(**where) == 40 * MB


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path):
    where = machine(tmp_path, "0::/\n", {"memory.max": "5\n", "memory.current": "9\n"})
    assert available_memory(**where) == 0


def test_without_groups_the_host_counts(tmp_path):
    assert memory_limit(tmp_path, tmp_path) == psutil.virtual_memory().total
    assert 0 < available_memory(tmp_path, tmp_path) <= memory_limit(tmp_path, tmp_path)


def test_a_limit_above_the_hosts_memory_is_the_hosts(tmp_path):
    where = machine(tmp_path, "0::/\n", {"memory.max": f"{2**62}\n", "memory.current": "0\n"})
    assert memory_limit(**where) == psutil.virtual_memory().total


def _hold(n_bytes: int, ready, done) -> None:
    block = bytearray(os.urandom(1024) * (n_bytes // 1024))
    ready.set()
    done.wait(60)
    del block


def test_workers_count_and_pages_that_they_share_count_once():
    shared = torch.ones(60 * MB // 4)  # held before the fork
    before = process_memory()
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    worker = context.Process(target=_hold, args=(40 * MB, ready, done))
    worker.start()
    try:
        assert ready.wait(60)
        grown = process_memory() - before
    finally:
        done.set()
        worker.join()
    assert 35 * MB < grown < 95 * MB  # the worker's own 40, without another 60 for what it shares
    assert shared.sum() > 0


@pytest.mark.parametrize(("given", "n_bytes"), [(0.5, 500 * MB), (2, 2000 * MB), ("1.5", 1500 * MB), (0, 0)])
def test_a_budget_is_in_gigabytes(given, n_bytes):
    assert resolve_budget(given) == n_bytes


def test_an_automatic_budget_is_two_fifths_of_what_is_available(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10 * MB)
    assert resolve_budget("auto") == 4 * MB


@pytest.mark.parametrize("given", ["plenty", -1, float("nan"), float("inf"), None])
def test_other_budgets_are_refused(given):
    with pytest.raises(InputError, match="memory_budget must be gigabytes, 0 or more, or 'auto', got"):
        resolve_budget(given)


def test_nine_tenths_of_a_budget_are_spent_on_caches_once():
    budget = MemoryBudget(1.0)
    assert [budget.take(n * MB) for n in (300, 500, 500, 1)] == [300 * MB, 500 * MB, 100 * MB, 0]
    assert (budget.total, budget.left) == (1000 * MB, 0)


def test_processes_of_one_machine_share_a_budget():
    assert MemoryBudget(1.0, n_processes=4).left == MemoryBudget(0.25).left == 225_000_000
