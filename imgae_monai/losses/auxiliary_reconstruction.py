"""Loss of a network that gives several reconstructions of one image while it trains."""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch import nn
from torch.nn.modules.loss import _Loss

from imgae_monai.losses.learned_variance import LearnedVarianceLoss


class AuxiliaryReconstructionLoss(_Loss):
    """``loss(main, image) + auxiliary_weight * loss(auxiliary, image)``.

    MONAI's ``DeepSupervisionLoss`` takes a list of outputs; a TorchScript-able network stacks them instead (as MONAI's
    ``DynUNet`` does), and in evaluation gives the main one alone, which this loss takes too.

    Args:
        loss: the loss of one reconstruction.
        auxiliary_weight: weight of each further reconstruction. 1 trains a shared encoder for both alike (MONAI's
            ``DeepSupervisionLoss`` in its mode ``"same"``).

    Raises:
        ValueError: when the weight is negative.

    Example:
        >>> both = torch.stack([torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)], dim=1)
        >>> AuxiliaryReconstructionLoss(nn.L1Loss(), 0.5)(both, torch.zeros(1, 1, 2, 2)).item()
        1.0
    """

    def __init__(self, loss: nn.Module, auxiliary_weight: float = 1.0) -> None:
        super().__init__(reduction=LossReduction.MEAN.value)
        if auxiliary_weight < 0:
            raise ValueError(f"auxiliary_weight must not be negative, got {auxiliary_weight}")
        self.loss = loss
        self.auxiliary_weight = auxiliary_weight

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """
        Args:
            input: shape (B, C, H, W[, D]), or (B, N, C, H, W[, D]) with the main reconstruction first; with 2C channels
                for a :py:class:`LearnedVarianceLoss`.
            target: the images, shape (B, C, H, W[, D]).

        Raises:
            ValueError: when the shapes don't fit.
        """
        n_channels = target.shape[1] * (2 if isinstance(self.loss, LearnedVarianceLoss) else 1)
        expected = (target.shape[0], n_channels, *target.shape[2:])
        if input.shape == expected:
            return self.loss(input, target)
        if input.ndim != target.ndim + 1 or input.shape[:1] + input.shape[2:] != expected:
            raise ValueError(f"input {tuple(input.shape)} is neither {expected} nor a stack of such on axis 1")
        main, *auxiliary = input.unbind(dim=1)
        return self.loss(main, target) + self.auxiliary_weight * sum(self.loss(x, target) for x in auxiliary)
