"""A Gaussian that leaves the borders as bright as they are."""

from __future__ import annotations

import torch
from monai.networks.layers import GaussianFilter
from torch.nn.functional import pad


def smooth(maps: torch.Tensor, sigma: float) -> torch.Tensor:
    """Convolve with a Gaussian, by MONAI, with mirrored borders: MONAI takes zeros for what lies outside.

    Args:
        maps: shape (B, C, H, W[, D]).
        sigma: standard deviation in pixels.

    Returns:
        the same shape.
    """
    size = maps.shape[2:]
    margin = [min(int(4 * sigma + 0.5), axis - 1) for axis in size]
    mirrored = pad(maps, [m for m in reversed(margin) for _ in range(2)], mode="reflect")
    smoothed: torch.Tensor = GaussianFilter(len(size), sigma).to(maps.device)(mirrored)
    for axis, (start, length) in enumerate(zip(margin, size, strict=True), start=2):
        smoothed = smoothed.narrow(axis, start, length)
    return smoothed
