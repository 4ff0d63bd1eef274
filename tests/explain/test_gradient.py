from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imgae_monai.explain import ScoreNetwork, gradient_attribution
from imgae_monai.transforms import ScoreDefinition
from tests.explain.test_score_network import images, network


class Grey(nn.Module):
    """Reconstructs mid-grey, whatever it sees."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full_like(x, 0.5)


def test_without_noise_it_is_the_gradient():
    image = torch.tensor([[[[0.75, 0.25], [0.5, 1.0]]]])
    squares = gradient_attribution(ScoreNetwork(Grey(), ScoreDefinition("l2")), image, n_samples=3, noise=0.0)
    torch.testing.assert_close(squares, 2 * (image - 0.5) / 4)  # by hand, of the mean of (x - 0.5)^2
    sizes = gradient_attribution(ScoreNetwork(Grey(), ScoreDefinition("l1")), image, n_samples=1, noise=0.0)
    torch.testing.assert_close(sizes, (image - 0.5).sign() / 4)


def test_with_noise_an_l1_gradient_grows_with_the_residual():
    """Over Gaussian noise of standard deviation s, the mean of sign(r + noise) is erf(r / (s sqrt 2))."""
    image = torch.full((1, 1, 20, 20), 0.5)
    image[..., :10, :] += 0.05
    image[..., 0, 0], image[..., 0, 1] = 0.0, 1.0  # the range of grey values is 1
    found = gradient_attribution(ScoreNetwork(Grey(), ScoreDefinition("l1")), image, n_samples=50, noise=0.1) * 400
    assert float(found[..., 1:10, :].mean()) == pytest.approx(math.erf(0.05 / (0.1 * math.sqrt(2))), abs=0.02)
    assert float(found[..., 10:, :].mean()) == pytest.approx(0.0, abs=0.02)


def test_positive_where_darker_would_be_less_abnormal():
    model, image = ScoreNetwork(network(), ScoreDefinition("l2")), images(1, 1, 24, 16)
    found = gradient_attribution(model, image, noise=0.0, n_samples=1)
    moved = image - 1e-3 * found.sign()
    with torch.no_grad():
        assert float(model(moved)) < float(model(image))


def test_the_seed_fixes_it_and_the_global_state_stays():
    model, image = ScoreNetwork(network(), ScoreDefinition("l1")), images(1, 1, 24, 16)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = gradient_attribution(model, image, seed=1, n_samples=2)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(gradient_attribution(model, image, seed=1, n_samples=2), first)
    assert not torch.equal(gradient_attribution(model, image, seed=2, n_samples=2), first)


def test_channels_are_summed():
    class Zero(nn.Module):
        def forward(self, x):
            return torch.zeros_like(x)

    image = torch.full((1, 2, 2, 2), 0.5)
    found = gradient_attribution(ScoreNetwork(Zero(), ScoreDefinition("l2")), image, n_samples=1, noise=0.0)
    # the mean over 2 channels and 4 pixels of x^2
    torch.testing.assert_close(found, torch.full((1, 1, 2, 2), 2 * 2 * 0.5 / 8))
