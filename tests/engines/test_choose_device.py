from __future__ import annotations

import logging

import pytest
import torch

from imgae_monai.engines import choose_device
from imgae_monai.exceptions import InputError


@pytest.fixture
def machine(monkeypatch):
    """Pretend that torch was built for, and found, so many GPUs."""

    def pretend(cuda: str | None = None, gpus: int = 0, mps_built: bool = False, mps: bool = False) -> None:
        monkeypatch.setattr(torch, "__version__", "2.13.0")
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.version, "hip", None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index or 0}")
        monkeypatch.setattr(torch.backends.mps, "is_built", lambda: mps_built)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("settings", "device", "reason"),
    [
        ({}, "cpu", "torch 2.13.0 was built without CUDA"),
        ({"cuda": "13.0"}, "cpu", "CUDA is built into torch 2.13.0 but no GPU was found"),
        ({"cuda": "13.0", "gpus": 2}, "cuda", "card 0"),
        ({"cuda": "13.0", "gpus": 1, "mps_built": True, "mps": True}, "cuda", "card 0"),
        ({"mps_built": True, "mps": True}, "mps", "Apple's GPU"),
        ({"mps_built": True}, "cpu", "torch 2.13.0 was built without CUDA"),
    ],
)
def test_auto_takes_the_fastest_and_logs_one_line_with_the_reason(settings, device, reason, machine, caplog):
    machine(**settings)
    with caplog.at_level(logging.INFO):
        assert choose_device("auto") == torch.device(device)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"device {device}: {reason}")


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"cuda": "13.0", "gpus": 1}, "cpu", "device cpu: as asked for"),
        ({"cuda": "13.0", "gpus": 2}, "cuda:1", "device cuda:1: as asked for (card 1)"),
        ({"mps_built": True, "mps": True}, "mps", "device mps: as asked for"),
    ],
)
def test_a_name_is_taken_as_it_is(settings, name, expected, machine, caplog):
    machine(**settings)
    with caplog.at_level(logging.INFO):
        assert choose_device(name) == torch.device(name)
    assert caplog.messages == [expected]


def test_a_numbered_cpu_is_the_cpu_since_torch_loads_nothing_onto_a_numbered_one():
    assert choose_device("cpu:0") == torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "name", "message"),
    [
        ({}, "cuda", "device cuda is not to be had: torch 2.13.0 was built without CUDA; use auto or cpu"),
        ({"cuda": "13.0"}, "cuda:0", "device cuda:0 is not to be had: CUDA is built into torch 2.13.0 but no GPU"),
        ({"cuda": "13.0", "gpus": 1}, "cuda:1", "device cuda:1 is not to be had: there is 1 GPU, counted from 0;"),
        ({"cuda": "13.0", "gpus": 2}, "cuda:2", "there are 2 GPUs, counted from 0"),
        ({}, "mps", "device mps is not to be had: torch 2.13.0 was built without MPS"),
        ({"mps_built": True}, "mps", "MPS is built in but this machine or its macOS does not have it"),
        ({}, "gpu", "no device 'gpu': use auto, cpu, cuda, cuda:0, cuda:1, ... or mps"),
        ({}, "meta", "device meta is not supported: use auto, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_refused(settings, name, message, machine):
    machine(**settings)
    with pytest.raises(InputError, match=message):
        choose_device(name)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_auto_finds_the_card_that_is_there():
    assert choose_device().type == "cuda"
