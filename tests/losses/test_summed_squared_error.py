from __future__ import annotations

import doctest

import pytest
import torch
from torch import nn

from imgae_monai.losses import SummedSquaredErrorLoss, summed_squared_error

TARGET = torch.zeros(2, 1, 2, 2)
IMAGES = torch.stack([torch.full((1, 2, 2), 3.0), torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])])


@pytest.mark.parametrize(("reduction", "expected"), [("none", [36.0, 5.0]), ("sum", 41.0), ("mean", 20.5)])
def test_by_hand(reduction, expected):
    torch.testing.assert_close(SummedSquaredErrorLoss(reduction)(IMAGES, TARGET), torch.tensor(expected))


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 2, 4, 5, 6)])
def test_is_the_mean_squared_error_times_the_size_of_an_image(shape):
    input, target = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)).double()
    expected = nn.MSELoss()(input, target) * input[0].numel()
    torch.testing.assert_close(SummedSquaredErrorLoss()(input, target), expected)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="'median' is not a valid LossReduction"):
        SummedSquaredErrorLoss("median")
    with pytest.raises(ValueError, match=r"input \(2, 1, 2, 2\) and target \(1, 1, 2, 2\) should have the same shape"):
        SummedSquaredErrorLoss()(IMAGES, TARGET[:1])


def test_docstring_example_runs():
    results = doctest.testmod(summed_squared_error)
    assert results.attempted > 0
    assert results.failed == 0
