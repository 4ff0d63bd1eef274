"""How far a latent distribution is from the standard normal one."""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch.nn.modules.loss import _Loss

from imgae_monai.losses.reduce_images import reduce_images


class StandardNormalKLLoss(_Loss):
    """Kullback-Leibler divergence of a normal distribution with diagonal covariance from the standard one.

    ``KL = 1/2 sum_j (mu_j^2 + exp(log_var_j) - log_var_j - 1)`` of an image (Kingma and Welling 2014, appendix B),
    summed over the latent features. MONAI has none.

    Args:
        reduction: over the images: ``"mean"``, ``"sum"``, or ``"none"`` for one value an image.

    Raises:
        ValueError: when the reduction is none of these.

    Example:
        >>> StandardNormalKLLoss()(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)).item()
        5.0
    """

    def __init__(self, reduction: LossReduction | str = LossReduction.MEAN) -> None:
        super().__init__(reduction=LossReduction(reduction).value)

    def forward(self, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
        """
        Args:
            mu: means, shape (B, L).
            log_var: logarithms of the variances, shape (B, L).

        Raises:
            ValueError: when the shapes differ.
        """
        if mu.shape != log_var.shape:
            raise ValueError(f"mu {tuple(mu.shape)} and log_var {tuple(log_var.shape)} should have the same shape")
        return reduce_images(0.5 * (mu.square() + log_var.exp() - log_var - 1), self.reduction)
