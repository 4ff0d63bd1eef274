from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.losses import AuxiliaryReconstructionLoss, LearnedVarianceLoss

TARGET = torch.zeros(2, 1, 2, 2)


def stack(*values: float) -> torch.Tensor:
    return torch.stack([torch.full_like(TARGET, value) for value in values], dim=1)


@pytest.mark.parametrize(
    ("loss", "weight", "values", "expected"),
    [
        (nn.L1Loss(), 1.0, (0.5, 0.25), 0.75),
        (nn.L1Loss(), 0.5, (0.5, 0.25), 0.625),
        (nn.MSELoss(), 1.0, (0.5, 2.0), 4.25),
        (nn.MSELoss(), 0.5, (0.5, 2.0, 4.0), 0.25 + 0.5 * (4 + 16)),
        (nn.L1Loss(), 0.0, (0.5, 100.0), 0.5),
        (nn.L1Loss(), 1.0, (0.5,), 0.5),
    ],
)
def test_by_hand(loss, weight, values, expected):
    assert AuxiliaryReconstructionLoss(loss, weight)(stack(*values), TARGET).item() == expected


def test_one_reconstruction_as_in_evaluation():
    assert AuxiliaryReconstructionLoss(nn.MSELoss())(torch.full_like(TARGET, 3.0), TARGET).item() == 9.0


def test_a_variance_beside_each_reconstruction():
    loss = AuxiliaryReconstructionLoss(LearnedVarianceLoss(), 0.5)
    first, second = (torch.tensor([value, 1.0]).view(1, 2, 1, 1).expand(2, 2, 2, 2) for value in (0.5, 1.0))
    assert loss(torch.stack([first, second], dim=1), TARGET).item() == 0.25 + 0.5 * 1.0
    assert loss(first, TARGET).item() == 0.25
    with pytest.raises(ValueError, match=r"is neither \(2, 2, 2, 2\) nor"):
        loss(TARGET, TARGET)


def test_volumes():
    target = torch.zeros(2, 1, 2, 2, 2)
    both = torch.stack([target + 1, target + 2], dim=1)
    assert AuxiliaryReconstructionLoss(nn.L1Loss())(both, target).item() == 3.0


def test_gradient_of_each_reconstruction_has_its_weight():
    both = stack(1.0, 1.0).requires_grad_()
    AuxiliaryReconstructionLoss(nn.L1Loss(), 0.25)(both, TARGET).backward()
    torch.testing.assert_close(both.grad[:, 0], torch.full_like(TARGET, 1 / 8))
    torch.testing.assert_close(both.grad[:, 1], torch.full_like(TARGET, 0.25 / 8))


@pytest.mark.parametrize("shape", [(2, 1, 2, 3), (2, 2, 1, 2, 3), (3, 2, 1, 2, 2), (1, 2, 2), (2, 2, 2, 1, 2, 2)])
def test_shapes_that_do_not_fit_are_refused(shape):
    given = str(shape).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"input {given} is neither \(2, 1, 2, 2\) nor a stack of such on axis 1"):
        AuxiliaryReconstructionLoss(nn.L1Loss())(torch.zeros(shape), TARGET)


def test_negative_weight_is_refused():
    with pytest.raises(ValueError, match=r"auxiliary_weight must not be negative, got -0\.1"):
        AuxiliaryReconstructionLoss(nn.L1Loss(), -0.1)
