from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from imgae_monai.engines import batch_size as module
from imgae_monai.engines import fit_batch_size
from imgae_monai.exceptions import InputError

LOSS = nn.L1Loss()
SHAPE = (1, 8, 8)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 1, 3, padding=1)
    )


@pytest.fixture
def steps(monkeypatch) -> list[int]:
    """Memory that grows as 100 MB and 10 MB an image, and the batches that were tried."""
    tried: list[int] = []

    def memory(self, batch_size: int) -> int:
        self._take(batch_size)
        tried.append(batch_size)
        return 10**7 * (10 + batch_size)

    monkeypatch.setattr(module._Trial, "memory", memory)
    return tried


@pytest.mark.parametrize("given", [1, 16, 999])
def test_a_number_is_taken_as_it_is(given, steps):
    assert fit_batch_size(given, network(), LOSS, SHAPE, n_images=3) == given
    assert steps == []  # an epoch has no larger batch than it has images


def test_what_is_kept_of_an_image_is_what_its_layers_save():
    """The first layer keeps the image, tanh its four planes of output, which the second layer takes: one storage."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Tanh(), nn.Conv2d(4, 1, 1, bias=False))
    plane = 8 * 8 * 4  # bytes of 8 x 8 float32
    assert module._kept_of_an_image(net, SHAPE) == (1 + 4) * plane


@pytest.mark.parametrize(
    ("given", "available", "refusal"),
    [
        (100, 100 * 1280 + 160, None),
        (101, 100 * 1280 + 160, "batch_size 101 takes at least 0.00 GB, 0.00 GB are available: 62 should fit"),
        (16, 1000, "choose a smaller image_size or preset"),
    ],
)
def test_on_a_cpu_a_batch_that_can_not_fit_is_refused_before_training(monkeypatch, given, available, refusal):
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.Tanh(), nn.Conv2d(4, 1, 1, bias=False))
    monkeypatch.setattr(module, "available_memory", lambda: available)
    if refusal is None:
        assert fit_batch_size(given, net, nn.MSELoss(), SHAPE, n_images=1000) == given
    else:
        with pytest.raises(InputError, match=refusal):
            fit_batch_size(given, net, nn.MSELoss(), SHAPE, n_images=1000)


def test_no_batch_is_larger_than_the_images(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: 10**6)
    assert fit_batch_size(10**9, network(), LOSS, SHAPE, n_images=3) == 10**9


def test_a_given_size_leaves_the_network_as_it_was():
    net, twin = network().eval(), network().eval()
    state = torch.get_rng_state()
    fit_batch_size(16, net, LOSS, SHAPE, n_images=100)
    assert torch.equal(state, torch.get_rng_state())
    assert not net.training
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), twin.state_dict().values(), strict=True))


@pytest.mark.parametrize("given", [0, -4, 2.5, "many", True, None])
def test_anything_else_is_refused(given):
    with pytest.raises(InputError, match="batch_size must be a whole number of at least 1, or 'auto', got"):
        fit_batch_size(given, network(), LOSS, SHAPE, n_images=3)


@pytest.mark.parametrize(("budget", "expected"), [(0.111, 1), (0.139, 2), (0.14, 4), (0.5, 32), (0.74, 64)])
def test_the_largest_power_of_two_within_the_budget_is_taken(steps, budget, expected):
    assert fit_batch_size("auto", network(), LOSS, SHAPE, n_images=10_000, memory_budget=budget) == expected


def test_a_batch_that_is_expected_to_be_too_large_is_not_tried(steps):
    fit_batch_size("auto", network(), LOSS, SHAPE, n_images=10_000, memory_budget=0.5)
    assert steps == [1, 2, 4, 8, 16, 32]


def test_an_epoch_keeps_eight_steps(steps, caplog):
    with caplog.at_level(logging.INFO):
        assert fit_batch_size("auto", network(), LOSS, SHAPE, n_images=80, memory_budget=100) == 8
    assert "batch_size auto: 8 images a step, which takes 0.18 of 100.00 GB on cpu (80 training images" in caplog.text
    assert fit_batch_size("auto", network(), LOSS, SHAPE, n_images=3, memory_budget=100) == 1


def test_a_run_that_goes_on_keeps_its_batch_size(steps, tmp_path):
    (tmp_path / "train.json").write_text('{"batch_size": 32}')
    record = tmp_path / "train.json"
    assert fit_batch_size("auto", network(), LOSS, SHAPE, n_images=80, memory_budget=0.2, record=record) == 32
    assert fit_batch_size(4, network(), LOSS, SHAPE, n_images=80, record=record) == 4
    assert steps == []


def test_too_little_memory_for_one_image_is_explained(steps):
    with pytest.raises(InputError, match=r"not even a batch of one \(1, 8, 8\) image fits into 0.10 GB on cpu: raise"):
        fit_batch_size("auto", network(), LOSS, SHAPE, n_images=80, memory_budget=0.1)


def test_weights_gradients_and_random_states_stay_as_they_are(steps):
    trained = network()
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit_batch_size("auto", trained, LOSS, SHAPE, n_images=80, memory_budget=1)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
    assert all(p.grad is None for p in trained.parameters())


class Hungry(nn.Module):
    """Holds 40 MB an image until the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = (self.weight * torch.ones(len(x), 10_000_000)).square()
        return x * held.mean()


@pytest.mark.parametrize(("budget", "expected"), [(0.35, {1, 2}), (1.4, {4, 8})])
def test_a_real_step_is_measured(budget, expected):
    # (x w)^2 keeps x w, and both have gradients: 120 to 280 MB an image at the peak
    assert fit_batch_size("auto", Hungry(), LOSS, SHAPE, n_images=512, memory_budget=budget) in expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_card_that_runs_out_of_memory_sets_the_limit():
    chosen = fit_batch_size("auto", Hungry(), LOSS, SHAPE, n_images=10**6, device="cuda")
    free = torch.cuda.mem_get_info()[0]
    assert 80e6 * chosen < free < 400e6 * chosen
