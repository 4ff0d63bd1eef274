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
        processes.join_processes()


def test_alone_a_process_is_the_first_and_agrees_with_itself():
    assert processes.is_first_process()
    assert processes.process_seed(3) == 3
    assert (processes.smallest_everywhere(4), processes.largest_everywhere(4)) == (4, 4)
    processes.leave_processes()


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(processes, "choose_device", lambda name: asked.append(name))
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        processes.process_device()
    assert asked == ["cuda:0", "cuda:1"]
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(InputError, match=r"3 processes on a machine with 2 GPU\(s\): give torchrun --nproc_per_node"):
        processes.process_device()


def test_a_device_that_is_asked_for_is_everybodys(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert processes.process_device("cpu") == torch.device("cpu")
