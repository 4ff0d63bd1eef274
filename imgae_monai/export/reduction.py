"""Maps of a batch, standardised and as one number each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from imgae_monai.transforms.calibration import ZScoreMap


class BatchedZScore(nn.Module):
    """What :py:class:`imgae_monai.transforms.ZScoreMap` makes of each map of a batch.

    Args:
        mean: per-pixel mean, shape (1, H, W[, D]).
        std: per-pixel standard deviation, same shape.
        dtype: of the maps.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        standardise = ZScoreMap(mean, std)
        self.register_buffer("mean", standardise.mean.to(dtype)[None])
        self.register_buffer("std", standardise.std.to(dtype)[None])

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Args: maps: shape (B, 1, H, W[, D])."""
        return (maps - self.mean) / self.std


class BatchedReduction(nn.Module):
    """What :py:class:`imgae_monai.transforms.AnomalyScore` makes of each map of a batch.

    Args:
        reduction: as there.
        top_fraction: as there.
        size: of the maps, (H, W[, D]).
    """

    def __init__(self, reduction: str, top_fraction: float, size: Sequence[int]) -> None:
        super().__init__()
        self.reduction = reduction
        self.n_highest = max(1, round(top_fraction * math.prod(size)))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """
        Args:
            maps: shape (B, 1, H, W[, D]).

        Returns:
            shape (B,), float64.
        """
        values = maps.double().flatten(1)
        if self.reduction == "max":
            return values.amax(1)
        if self.reduction == "top":
            values = values.topk(self.n_highest).values
        return values.mean(1)
