"""Per-pixel statistics of maps, with and without one of them."""

from __future__ import annotations

import torch

from imgae_monai.transforms.calibration import ZScoreMap


class MapMoments:
    """Per-pixel mean and standard deviation of maps that come one by one."""

    def __init__(self) -> None:
        self.n = 0
        self.total = torch.zeros((), dtype=torch.float64)
        self.square = torch.zeros((), dtype=torch.float64)

    def add(self, array: torch.Tensor) -> torch.Tensor:
        """Take a map (float64) into account, and give it back."""
        self.n += 1
        self.total = self.total + array
        self.square = self.square + array.square()
        return array

    def mean_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Over all maps."""
        return _mean_std(self.total, self.square, self.n)

    def standardise_by_the_others(self, array: torch.Tensor) -> torch.Tensor:
        """Standardise a map that was added by the statistics of all others."""
        return ZScoreMap(*_mean_std(self.total - array, self.square - array.square(), self.n - 1))(array)


def _mean_std(total: torch.Tensor, square: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    mean = total / n
    variance = (square - n * mean.square()) / (n - 1)
    return mean, variance.clamp_min(0.0).sqrt()
