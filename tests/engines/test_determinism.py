from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from imgae_monai.engines import make_deterministic


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn


def draw() -> list[float]:
    return [random.random(), float(np.random.random()), float(torch.rand(()))]


def test_seeds_every_global_generator():
    make_deterministic(3)
    first = draw()
    make_deterministic(3)
    assert draw() == first
    make_deterministic(4)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


def test_an_operation_that_does_not_repeat_warns_and_goes_on():
    make_deterministic(0)
    assert torch.are_deterministic_algorithms_enabled()
    with pytest.warns(UserWarning, match="does not have a deterministic implementation"):
        torch._C._nn.max_unpool2d(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1, dtype=torch.int64), [2, 2])


def test_memory_is_not_filled_for_nothing():
    make_deterministic(0)
    assert torch.utils.deterministic.fill_uninitialized_memory is False


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gradients_of_bilinear_upsampling_repeat_on_a_gpu():
    make_deterministic(0)
    upsample = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    image, weight = torch.rand(8, 64, 64, 64, device="cuda"), torch.rand(8, 64, 128, 128, device="cuda")
    grads = []
    for _ in range(3):
        leaf = image.clone().requires_grad_()
        (upsample(leaf) * weight).sum().backward()
        grads.append(leaf.grad)
    assert torch.equal(grads[0], grads[1])
    assert torch.equal(grads[0], grads[2])
