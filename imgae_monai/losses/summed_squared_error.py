"""The squared error of an image as a whole."""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch.nn.modules.loss import _Loss

from imgae_monai.losses.reduce_images import reduce_images


class SummedSquaredErrorLoss(_Loss):
    """Squared differences, summed over the channels and pixels of an image.

    ``torch.nn.MSELoss`` averages over pixels and images alike. A variational autoencoder needs the sum, which is on
    the scale of the divergence that it is added to.

    Args:
        reduction: over the images: ``"mean"``, ``"sum"``, or ``"none"`` for one value an image.

    Raises:
        ValueError: when the reduction is none of these.

    Example:
        >>> SummedSquaredErrorLoss()(torch.ones(3, 1, 2, 2), torch.full((3, 1, 2, 2), 3.0)).item()
        16.0
    """

    def __init__(self, reduction: LossReduction | str = LossReduction.MEAN) -> None:
        super().__init__(reduction=LossReduction(reduction).value)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """
        Args:
            input: the reconstruction, shape (B, C, H, W[, D]).
            target: the image, of the same shape.

        Raises:
            ValueError: when the shapes differ.
        """
        if input.shape != target.shape:
            raise ValueError(f"input {tuple(input.shape)} and target {tuple(target.shape)} should have the same shape")
        return reduce_images((input - target).square(), self.reduction)
