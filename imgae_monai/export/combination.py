"""Components of a batch as one score."""

from __future__ import annotations

import torch
from torch import nn

from imgae_monai.transforms.combination import Combination, yeo_johnson


class BatchedCombination(nn.Module):
    """What :py:class:`imgae_monai.transforms.Combination` makes of each image's components.

    Args:
        combination: fitted to normal images.
    """

    center: torch.Tensor
    unit: torch.Tensor
    power: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    precision: torch.Tensor

    def __init__(self, combination: Combination) -> None:
        super().__init__()
        self.two_sided = combination.two_sided
        self.spread = combination.spread
        for name in ("center", "unit", "power", "mean", "std", "precision"):
            self.register_buffer(name, getattr(combination, name))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """
        Args:
            values: components, shape (B, k), float64.

        Returns:
            shape (B,), float64.
        """
        parts = (yeo_johnson((values - self.center) / self.unit, self.power) - self.mean) / self.std
        if self.two_sided:
            return (parts @ self.precision * parts).sum(1)
        return parts.sum(1) / self.spread
