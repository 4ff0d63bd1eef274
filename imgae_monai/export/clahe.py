"""Contrast limited adaptive histogram equalisation of a batch, in operations that every exporter knows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from imgae_monai.export.hand_out import hand_out

_GREYS = 2**14
_BINS = 256
_BIN_SIZE = 1 + _GREYS // _BINS


class BatchedCLAHE(nn.Module):
    """What :py:class:`imgae_monai.transforms.CLAHE`, and so scikit-image, makes of each image of a batch.

    scikit-image works image by image in NumPy, with a Python loop over the bins that hands out what was clipped.
    Here the same arithmetic, in the same order and precision, is a graph: the grey levels of 16 bits, then of 14, the
    bins, the histograms' cumulative sums and the interpolation with its truncation to whole levels are those of
    scikit-image to the last bit, so that a pixel never falls into the bin beside.

    Args:
        size: of the images, (H, W[, D]).
        clip_limit: as there.
        kernel_size: as there.

    Example:
        >>> BatchedCLAHE((16, 16))(torch.linspace(0.4, 0.6, 256).reshape(1, 1, 16, 16)).max().item()
        1.0
    """

    hist_pixels: torch.Tensor
    hist_blocks: torch.Tensor
    corners: torch.Tensor
    weights: torch.Tensor
    bins: torch.Tensor

    def __init__(self, size: Sequence[int], clip_limit: float = 0.01, kernel_size: int | None = None) -> None:
        super().__init__()
        # scikit-image is given a volume's last axis first: blocks are the same, the order of sums is not
        turned = (size[-1], *size[:-1]) if len(size) == 3 else tuple(size)
        self.is_volume = len(size) == 3
        kernel = [max(axis // 8, 1) if kernel_size is None else kernel_size for axis in turned]
        self.n_pixels = math.prod(kernel)
        self.clip = int(max(clip_limit * self.n_pixels, 1))
        self.n_corners = 2 ** len(kernel)
        self.n_blocks = math.prod(-(-axis // k) for axis, k in zip(turned, kernel, strict=True))
        for name, array in _layout(turned, kernel).items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.register_buffer("bins", torch.arange(_BINS, dtype=torch.float32), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """
        Args:
            images: shape (B, 1, H, W[, D]), float32, values in [0, 1].

        Returns:
            the same shape, values in [0, 1]; a constant image becomes 0.
        """
        turned = images.movedim(-1, 2) if self.is_volume else images
        pixels = turned.flatten(1).clamp(0, 1)
        bins = _bins(pixels)
        maps = self._maps(bins)
        levels = torch.zeros_like(pixels)
        for i in range(self.n_corners):
            mapped = maps.gather(1, self.corners[i] + bins)
            levels = levels + (mapped * self.weights[i]).float()
        equalised = _rescaled(levels.floor())
        constant = pixels.amin(1, keepdim=True) == pixels.amax(1, keepdim=True)
        out = torch.where(constant, torch.zeros_like(equalised), equalised).reshape(turned.shape)
        return out.movedim(2, -1) if self.is_volume else out

    def _maps(self, bins: torch.Tensor) -> torch.Tensor:
        """What each block makes of each bin: (B, blocks * 256), whole numbers in float64."""
        index = self.hist_blocks + bins.index_select(1, self.hist_pixels)
        counts = torch.zeros_like(index[:, :1], dtype=torch.float32).expand(-1, self.n_blocks * _BINS)
        counts = counts.scatter_add(1, index, torch.ones_like(index, dtype=torch.float32))
        clipped = self._clipped(counts.reshape(-1, self.n_blocks, _BINS))
        cumulated = clipped.cumsum(-1).double() * ((_GREYS - 1) / self.n_pixels)
        return cumulated.clamp_max(_GREYS - 1).floor().flatten(1)

    def _clipped(self, counts: torch.Tensor) -> torch.Tensor:
        """scikit-image's ``clip_histogram``, of all histograms (B, blocks, 256) at once."""
        clip = self.clip
        left = (counts - clip).clamp_min(0).sum(-1, keepdim=True)
        counts = counts.clamp_max(clip)
        more = (left / _BINS).floor()
        low = counts < clip - more
        left = left - more * low.sum(-1, keepdim=True)
        counts = torch.where(low, counts + more, counts)
        middle = (counts >= clip - more) & (counts < clip)
        left = left - torch.where(middle, clip - counts, torch.zeros_like(counts)).sum(-1, keepdim=True)
        counts = torch.where(middle, torch.full_like(counts, clip), counts)
        return hand_out(self.bins, clip, counts, left)


def _bins(pixels: torch.Tensor) -> torch.Tensor:
    """Bin of each pixel (B, P): of 16-bit levels, stretched to 14 bits from the lowest to the highest."""
    levels = (pixels * 65535).round().double()
    low, high = levels.amin(1, keepdim=True), levels.amax(1, keepdim=True)
    stretched = (levels - low) / (high - low).clamp_min(1) * (_GREYS - 1)
    greys = torch.where(low == high, levels.clamp_max(_GREYS - 1), stretched).round()
    return (greys / _BIN_SIZE).floor().long()


def _rescaled(levels: torch.Tensor) -> torch.Tensor:
    low, high = levels.amin(1, keepdim=True), levels.amax(1, keepdim=True)
    return torch.where(low == high, levels.clamp_max(1), (levels - low) / (high - low).clamp_min(1))


def _layout(size: Sequence[int], kernel: Sequence[int]) -> dict[str, np.ndarray]:
    """Where each pixel counts, and between which blocks' maps it lies.

    Returns:
        ``hist_pixels``, indices of the pixels that the histograms count, borders mirrored to whole blocks, and
        ``hist_blocks``, each one's block times the number of bins; ``corners`` (2^d, P), the same of the blocks around
        each pixel, and ``weights`` (2^d, P), how much each counts, in scikit-image's order of the sum.
    """
    n_blocks = [-(-axis // k) for axis, k in zip(size, kernel, strict=True)]
    counted = [
        np.pad(np.arange(axis), (0, n * k - axis), mode="reflect")
        for axis, n, k in zip(size, n_blocks, kernel, strict=True)
    ]
    blocks = [np.repeat(np.arange(n), k) for n, k in zip(n_blocks, kernel, strict=True)]
    # scikit-image pads half a block in front
    places = [np.arange(axis) + k // 2 for axis, k in zip(size, kernel, strict=True)]
    after = np.meshgrid(*[(place % k) / k for place, k in zip(places, kernel, strict=True)], indexing="ij")
    before = [1 - x for x in after]
    corners, weights = [], []
    for edge in np.ndindex(*[2] * len(size)):
        around = [
            np.clip(place // k + e - 1, 0, n - 1) for place, k, n, e in zip(places, kernel, n_blocks, edge, strict=True)
        ]
        corners.append(_flat_index(around, n_blocks) * _BINS)
        sides = [(after if e else before)[axis] for axis, e in enumerate(edge)]
        weights.append(np.prod(sides[::-1], axis=0).ravel())
    return {
        "hist_pixels": _flat_index(counted, size),
        "hist_blocks": _flat_index(blocks, n_blocks) * _BINS,
        "corners": np.stack(corners),
        "weights": np.stack(weights),
    }


def _flat_index(axes: Sequence[np.ndarray], size: Sequence[int]) -> np.ndarray:
    grids = np.meshgrid(*axes, indexing="ij")
    return np.ravel_multi_index([grid.ravel() for grid in grids], tuple(size)).astype(np.int64)
