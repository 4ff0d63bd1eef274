"""A network of a few weights, for images of any size."""

from __future__ import annotations

import torch
from torch import nn


class SmallNetwork(nn.Module):
    """Gives a reconstruction, and features of two levels; its batch norm and dropout differ between the modes."""

    def __init__(self, spatial_dims: int = 2, channels: int = 1) -> None:
        super().__init__()
        conv, norm, pool = (
            (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d)
            if spatial_dims == 2
            else (nn.Conv3d, nn.BatchNorm3d, nn.AvgPool3d)
        )
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            self.first = nn.Sequential(conv(channels, 4, 3, padding=1), norm(4), nn.Dropout(0.5), nn.Tanh())
            self.second = nn.Sequential(pool(2), conv(4, 6, 3, padding=1), nn.ReLU())
            self.head = nn.Sequential(conv(4, channels, 3, padding=1), nn.Sigmoid())
        self.eval()

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        first = self.first(x)
        return [first, self.second(first)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.first(x))
