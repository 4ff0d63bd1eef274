"""A distance at several scales of the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import interpolate


def mean_over_scales(
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor, n_scales: int
) -> torch.Tensor:
    """Mean of a distance over the images at sizes 1, 1/2, 1/4, ..., each brought to full size.

    Args:
        distance: of two batches, shape (B, 1, H, W[, D]).
        x: images, shape (B, C, H, W[, D]).
        y: of the same shape.
        n_scales: number of sizes; each is the one before averaged over 2 pixels an axis.

    Returns:
        shape (B, 1, H, W[, D]).
    """
    size = x.shape[2:]
    total = distance(x, y)
    for scale in range(1, n_scales):
        smaller = [max(1, axis >> scale) for axis in size]
        x, y = (interpolate(images, smaller, mode="area") for images in (x, y))
        total = total + resize(distance(x, y), size)
    return total / n_scales


def resize(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Maps (B, 1, H, W[, D]) brought to another size, linearly."""
    if maps.shape[2:] == torch.Size(size):
        return maps
    return interpolate(maps, tuple(size), mode="bilinear" if len(size) == 2 else "trilinear", align_corners=False)
