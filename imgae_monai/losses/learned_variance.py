"""Loss of a network that says how far off it expects to be."""

from __future__ import annotations

import torch
from monai.utils import LossReduction, look_up_option
from torch import nn
from torch.nn.modules.loss import _Loss

# of a variance's logarithm: standard deviations of 0.0067 to 1 of images in [0, 1]
LOG_VARIANCE = (-10.0, 0.0)


def log_variance(unit: torch.Tensor) -> torch.Tensor:
    """The logarithm of a variance that a network gives by a sigmoid: 0 to 1 becomes -10 to 0.

    Bounded, as it would go to minus infinity where a pixel is always the same (padding, air).

    Args:
        unit: values in [0, 1].

    Returns:
        the same shape.
    """
    lowest, highest = LOG_VARIANCE
    return lowest + (highest - lowest) * unit


class LearnedVarianceLoss(_Loss):
    """``exp(-log s2) (x - x^)^2 + log s2``: the negative log likelihood of a Gaussian, but for factor and constant.

    Mao et al. 2020, "Abnormality detection in chest X-ray images using uncertainty prediction autoencoders" (MICCAI):
    a network that gives a variance s2 for each pixel besides its reconstruction x^ may be off where it
    says so (edges, which no reconstruction meets), and pays for saying so. Its anomaly map is the first term.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, over all pixels.

    Raises:
        ValueError: when ``reduction`` is none of these.

    Example:
        >>> LearnedVarianceLoss()(torch.tensor([[[[0.5]], [[1.0]]]]), torch.zeros(1, 1, 1, 1)).item()
        0.25
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=look_up_option(reduction, LossReduction).value)

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """
        Args:
            input: shape (B, 2C, H, W[, D]), values in [0, 1]: reconstruction, then variance, see
                :py:func:`log_variance`.
            target: the images, shape (B, C, H, W[, D]).

        Raises:
            ValueError: when the shapes don't fit.
        """
        n_channels = target.shape[1]
        if input.shape[1] != 2 * n_channels or input.shape[:1] + input.shape[2:] != target.shape[:1] + target.shape[2:]:
            raise ValueError(
                f"input {tuple(input.shape)} does not fit the target {tuple(target.shape)}: expected twice its channels"
            )
        reconstruction, unit = input.split(n_channels, dim=1)
        log_s2 = log_variance(unit)
        loss = torch.exp(-log_s2) * (target - reconstruction).square() + log_s2
        if self.reduction == LossReduction.NONE.value:
            return loss
        return loss.mean() if self.reduction == LossReduction.MEAN.value else loss.sum()


def build_reconstruction_loss(learned_variance: bool = False) -> nn.Module:
    """The loss of one reconstruction: mean absolute error, or :py:class:`LearnedVarianceLoss`.

    Args:
        learned_variance: whether the network gives a variance beside it.
    """
    return LearnedVarianceLoss() if learned_variance else nn.L1Loss()
