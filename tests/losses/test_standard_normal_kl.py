from __future__ import annotations

import doctest
import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from imgae_monai.losses import StandardNormalKLLoss, standard_normal_kl

MU = torch.tensor([[1.0, 3.0], [0.0, 2.0]])
LOG_VAR = torch.tensor([[0.0, 0.0], [math.log(4.0), 0.0]])
# of the second image: (0 + 4 - log 4 - 1) / 2 and (4 + 1 - 0 - 1) / 2
BY_HAND = [5.0, 1.5 - math.log(2.0) + 2.0]


@pytest.mark.parametrize(
    ("reduction", "expected"), [("none", BY_HAND), ("sum", sum(BY_HAND)), ("mean", sum(BY_HAND) / 2)]
)
def test_by_hand(reduction, expected):
    torch.testing.assert_close(StandardNormalKLLoss(reduction)(MU, LOG_VAR), torch.tensor(expected))


def test_agrees_with_torch_distributions():
    mu, log_var = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)).double()
    posterior = Independent(Normal(mu, (0.5 * log_var).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    torch.testing.assert_close(StandardNormalKLLoss("none")(mu, log_var), kl_divergence(posterior, prior))


def test_is_zero_for_the_standard_normal_distribution():
    assert StandardNormalKLLoss()(torch.zeros(3, 4), torch.zeros(3, 4)).item() == 0


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="'median' is not a valid LossReduction"):
        StandardNormalKLLoss("median")
    with pytest.raises(ValueError, match=r"mu \(2, 2\) and log_var \(1, 2\) should have the same shape"):
        StandardNormalKLLoss()(MU, LOG_VAR[:1])


def test_docstring_example_runs():
    results = doctest.testmod(standard_normal_kl)
    assert results.attempted > 0
    assert results.failed == 0
