"""A Gaussian of fixed kernel over a batch of maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.convutils import gaussian_1d
from torch import nn
from torch.nn.functional import conv2d, conv3d, pad


class BatchedSmoothing(nn.Module):
    """What :py:func:`imgae_monai.transforms.residuals.smooth` does, its kernel computed once.

    MONAI's ``GaussianFilter`` makes its kernel from a parameter at each call, which no exporter takes.

    Args:
        size: of the maps, (H, W[, D]).
        sigma: standard deviation in pixels, above 0.
    """

    kernel: torch.Tensor

    def __init__(self, size: Sequence[int], sigma: float) -> None:
        super().__init__()
        self.size = tuple(size)
        self.margin = [min(int(4 * sigma + 0.5), axis - 1) for axis in size]
        kernel = gaussian_1d(torch.tensor(float(sigma)))
        self.length = len(kernel)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """
        Args:
            maps: shape (B, 1, H, W[, D]).

        Returns:
            the same shape.
        """
        maps = pad(maps, [m for m in reversed(self.margin) for _ in range(2)], mode="reflect")
        convolve = conv2d if len(self.size) == 2 else conv3d
        for axis in range(len(self.size)):
            length = [1] * len(self.size)
            length[axis] = self.length
            padding = [k // 2 for k in length]
            maps = convolve(maps, self.kernel.reshape(1, 1, *length), padding=padding)
        for axis, (start, length_kept) in enumerate(zip(self.margin, self.size, strict=True), start=2):
            maps = maps.narrow(axis, start, length_kept)
        return maps
