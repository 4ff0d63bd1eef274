from __future__ import annotations

import math

import pytest
import torch

from imgae_monai.losses import LearnedVarianceLoss, log_variance


def prediction(reconstruction: float, unit: float) -> torch.Tensor:
    return torch.tensor([reconstruction, unit]).view(1, 2, 1, 1)


@pytest.mark.parametrize(
    ("reconstruction", "unit", "expected"),
    [
        (0.5, 1.0, 0.25 + 0.0),  # a variance of 1
        (0.5, 0.5, 0.25 * math.exp(5) - 5),
        (1.0, 0.0, -10.0),  # no error at all, and the least variance
        (0.9, 0.8, 0.01 * math.exp(2) - 2),
    ],
)
def test_by_hand(reconstruction, unit, expected):
    found = LearnedVarianceLoss()(prediction(reconstruction, unit), torch.ones(1, 1, 1, 1))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_it_is_the_gaussian_likelihood_of_torch():
    generator = torch.Generator().manual_seed(0)
    images, given = torch.rand(3, 1, 4, 5, generator=generator), torch.rand(3, 2, 4, 5, generator=generator)
    variance = log_variance(given[:, 1:]).exp()
    reference = torch.nn.functional.gaussian_nll_loss(given[:, :1], images, variance, eps=0)
    torch.testing.assert_close(LearnedVarianceLoss()(given, images), 2 * reference)


def test_the_least_loss_is_where_the_variance_is_the_squared_error():
    units = torch.linspace(0, 1, 1001)
    given = torch.stack([torch.full_like(units, 0.9), units])[None, :, None]
    losses = LearnedVarianceLoss("none")(given, torch.ones(1, 1, 1, 1001))[0, 0, 0]
    assert log_variance(units[losses.argmin()]).item() == pytest.approx(math.log(0.01), abs=0.011)


def test_reductions():
    given, images = torch.rand(2, 4, 3, 3), torch.rand(2, 2, 3, 3)
    each = LearnedVarianceLoss("none")(given, images)
    assert each.shape == images.shape
    torch.testing.assert_close(LearnedVarianceLoss("sum")(given, images), each.sum())
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        LearnedVarianceLoss("maen")


@pytest.mark.parametrize("shape", [(2, 1, 4, 4), (2, 2, 4, 5), (1, 2, 4, 4), (2, 3, 4, 4)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match="expected twice its channels"):
        LearnedVarianceLoss()(torch.rand(shape), torch.rand(2, 1, 4, 4))
