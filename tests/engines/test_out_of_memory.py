from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import torch
from monai.data import DataLoader
from monai.engines import SupervisedTrainer
from torch import nn

from imgae_monai.engines import explain_out_of_memory, prepare_reconstruction
from imgae_monai.exceptions import InputError
from tests.conftest import REPO

CPU_ERROR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


class Limited(nn.L1Loss):
    """Has memory for so many images."""

    def __init__(self, limit: int, error: BaseException) -> None:
        super().__init__()
        self.limit = limit
        self.error = error
        self.held: list[int] = []

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.held.append(len(input))
        if len(input) > self.limit:
            raise self.error
        return super().forward(input, target)


def train(loss: nn.Module, given: int = 32, accumulation_steps: int = 1, **settings) -> SupervisedTrainer:
    network = nn.Conv2d(1, 1, 3, padding=1)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1,
        train_data_loader=DataLoader([{"image": torch.rand(1, 8, 8)} for _ in range(40)], batch_size=given),
        network=network,
        optimizer=torch.optim.Adam(network.parameters()),
        loss_function=loss,
        prepare_batch=prepare_reconstruction,
        decollate=False,
        accumulation_steps=accumulation_steps,
        **settings,
    )
    explain_out_of_memory(lambda engine: engine.run(), trainer, (1, 8, 8))
    return trainer


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory."),
        RuntimeError(CPU_ERROR),
        RuntimeError("std::bad_alloc"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize(("limit", "steps"), [(1, 32), (5, 8), (16, 2)])
def test_the_batch_that_fits_is_named(error, limit, steps):
    fitting = 2 ** (limit.bit_length() - 1)
    message = (
        rf"out of memory on cpu at epoch 1 with batches of 32: {fitting} would fit. Start anew with batch_size "
        rf"{fitting} \(or auto\); accumulation_steps {steps} keeps 32 images a step"
    )
    with pytest.raises(InputError, match=message):
        train(Limited(limit, error))


def test_accumulated_batches_keep_their_sum():
    with pytest.raises(InputError, match=r"4 would fit.*accumulation_steps 24 keeps 96 images a step"):
        train(Limited(4, MemoryError()), accumulation_steps=3)


def test_nothing_that_fits_is_said_too():
    with pytest.raises(
        InputError, match=r"with batches of 32: not even one \(1, 8, 8\) image fits into what is left; choose a smaller"
    ):
        train(Limited(0, MemoryError()))


def test_a_batch_that_fits_by_itself_is_not_blamed():
    class Once(Limited):
        def forward(self, input, target):
            self.limit += 32 * len(self.held)
            return super().forward(input, target)

    with pytest.raises(InputError, match="with batches of 32, which fits by itself: other programs, or cached images"):
        train(Once(0, MemoryError()))


@pytest.mark.parametrize("text", ["shapes differ", "could not create a primitive"])
def test_other_errors_pass(text):
    error = RuntimeError(text)
    with pytest.raises(RuntimeError, match=text) as e:
        train(Limited(0, error))
    assert e.value is error


def test_what_the_failed_step_held_is_free_before_the_trial(monkeypatch):
    import weakref

    held: list[weakref.ref] = []
    alive: list[bool] = []

    class Failing(nn.Module):
        def forward(self, input, target):
            activation = input * 2
            held.append(weakref.ref(activation))
            raise MemoryError

    def fit(*args, **settings) -> int:
        alive.extend(ref() is not None for ref in held)
        return 1

    monkeypatch.setattr("imgae_monai.engines.out_of_memory.fit_batch_size", fit)
    with pytest.raises(InputError, match="1 would fit"):
        train(Failing())
    assert alive == [False]


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of the address space is Linux's")
def test_a_process_that_may_take_no_more_says_so_in_one_line(phantoms, tmp_path):
    code = """
import resource, sys
import psutil, imgae_monai.engines, imgae_monai.handlers
from imgae_monai.__main__ import main
used = psutil.Process().memory_info().vms
resource.setrlimit(resource.RLIMIT_AS, (used + 700_000_000, resource.RLIM_INFINITY))
main(sys.argv[1:])
"""
    flags = ["--epochs", "1", "--image_size", "128", "--batch_size", "24", "--device", "cpu"]
    words = ["train", "unet_autoencoder", "--data", str(phantoms), "--output", str(tmp_path / "run"), *flags]
    environment = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-c", code, *words]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 2, ended.stderr
    last = ended.stderr.strip().splitlines()[-1]
    # how much of what the failed step took can be taken again is the allocator's affair
    found = "((1|2|4|8|16) would fit|not even one .* image fits into what is left)"
    assert re.search(f"out of memory on cpu at epoch 1 with batches of 24: {found}", last), last
    assert "Traceback" not in ended.stderr
