"""Of one process; what several do together is tested in tests/distributed."""

from __future__ import annotations

import pytest
import torch

from imgae_monai.engines import processes
from imgae_monai.exceptions import InputError


def test_without_torchrun_there_is_nothing_to_join(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR is not set: start them"):
        processes.join_processes("cpu")


def test_alone_a_process_is_the_first_and_agrees_with_itself():
    assert processes.is_first_process()
    assert processes.process_seed(3) == 3
    assert (processes.smallest_everywhere(4), processes.largest_everywhere(4)) == (4, 4)
    processes.leave_processes()


@pytest.fixture
def two_gpus(monkeypatch):
    """Which of the two GPUs was taken."""
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    return taken


def test_each_process_of_a_machine_has_a_gpu_of_its_own(two_gpus, monkeypatch):
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        processes._take_gpu(torch.device("cuda"))
    assert two_gpus == [0, 1]


def test_more_processes_than_gpus_are_refused(two_gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match=r"2 processes on a machine with 2 GPU\(s\): give torchrun --nproc_per_node"):
        processes._take_gpu(torch.device("cuda"))


def test_one_gpu_for_several_processes_is_refused(two_gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(InputError, match="device cuda:1 is one GPU for 2 processes: use cuda, or auto"):
        processes._take_gpu(torch.device("cuda:1"))
    assert two_gpus == []


def test_a_death_is_told_among_joined_processes_only(monkeypatch):
    error = RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer")
    with pytest.raises(RuntimeError, match="gloo"), processes.noticing_deaths():
        raise error
    monkeypatch.setattr(processes.dist, "is_initialized", lambda: True)
    with pytest.raises(InputError, match="another process of this run has died"), processes.noticing_deaths():
        raise error
    with pytest.raises(RuntimeError, match="of its own"), processes.noticing_deaths():
        raise RuntimeError("of its own")
