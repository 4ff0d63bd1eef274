from __future__ import annotations

import math

import pytest
import torch

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import ResidualMap, ScoreDefinition, split_prediction

IMAGE = torch.full((1, 2, 2), 0.75)


def channels(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1).expand(-1, 2, 2).clone()


@pytest.mark.parametrize(
    ("values", "log_variance", "disagreement"),
    [
        ((0.25,), None, None),
        ((0.25, 0.9), -1.0, None),
        ((0.25, -1.0, 0.1), None, 0.1),
        ((0.25, 0.9, 0.1), -1.0, 0.1),
    ],
)
def test_parts(values, log_variance, disagreement):
    found = split_prediction(channels(*values), 1)
    assert (found.reconstruction == 0.25).all()
    for part, expected in ((found.log_variance, log_variance), (found.disagreement, disagreement)):
        assert part is None if expected is None else part.flatten().tolist() == pytest.approx([expected] * 4)


def test_channels_that_are_no_multiple_are_refused():
    with pytest.raises(ValueError, match=r"expected 2, 4 .* or 6 channels"):
        split_prediction(torch.rand(3, 2, 2), 2)


@pytest.mark.parametrize("values", [(0.25,), (0.25, 0.9), (0.25, -1.0, 0.1)])
def test_other_residuals_take_the_reconstruction_alone(values):
    assert ResidualMap("l1")(IMAGE, channels(*values)).flatten().tolist() == [0.5] * 4
    assert ResidualMap("l2")(IMAGE, channels(*values)).flatten().tolist() == [0.25] * 4


@pytest.mark.parametrize("values", [(0.25, 0.9), (0.25, 0.9, 0.1)])
def test_likelihood_is_the_squared_error_over_the_variance(values):
    found = ResidualMap("likelihood")(IMAGE, channels(*values))
    assert found.flatten().tolist() == pytest.approx([0.25 * math.e] * 4)


def test_disagreement_is_the_members_and_not_the_images():
    for image in (IMAGE, torch.zeros_like(IMAGE)):
        assert ResidualMap("disagreement")(image, channels(0.25, -1.0, 0.1)).flatten().tolist() == pytest.approx(
            [0.1] * 4
        )


@pytest.mark.parametrize("residual", ["likelihood", "disagreement"])
def test_smoothing_levels_out(residual):
    prediction = channels(0.75, 1.0, 0.0).repeat(1, 8, 8)
    prediction[:, 8, 8] = torch.tensor([0.25, 1.0, 0.5])
    image = torch.full((1, 16, 16), 0.75)
    plain, smooth = (ResidualMap(residual, sigma)(image, prediction) for sigma in (0.0, 2.0))
    assert 0 < smooth.max() < plain.max() / 4
    assert (smooth > 0).sum() > (plain > 0).sum() == 1


@pytest.mark.parametrize(
    ("residual", "values", "mend"),
    [
        ("likelihood", (0.25,), "--learned_variance"),
        ("likelihood", (0.25, -1.0, 0.1), "--learned_variance"),  # an ensemble of plain networks
        ("disagreement", (0.25,), "--ensemble 2"),
        ("disagreement", (0.25, 0.9), "--ensemble 2"),
    ],
)
def test_what_the_network_does_not_give_is_said(residual, values, mend):
    with pytest.raises(InputError, match=f"residual '{residual}' takes .*{mend}"):
        ResidualMap(residual)(IMAGE, channels(*values))


@pytest.mark.parametrize("residual", ["likelihood", "disagreement"])
def test_they_are_scores_and_take_no_clahe(residual):
    assert ScoreDefinition.parse(f"{residual}-sigma2-z-top0.01").residual == residual
    with pytest.raises(ValueError, match="residual_clahe has no effect"):
        ResidualMap(residual, residual_clahe=True)
