"""Means of features in the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from imgae_monai.transforms.codes import GRID, LEVELS


class CellMeans(nn.Module):
    """What :py:func:`imgae_monai.transforms.codes.cell_means` does, as products of matrices.

    Adaptive pooling has no form in ONNX where an axis is no multiple of the grid, and none at all in 3D.

    Args:
        levels: features of any images, (B, C_l, H_l, W_l[, D_l]), one a level.

    Example:
        >>> CellMeans([torch.zeros(1, 1, 4, 8)])([torch.arange(32.0).reshape(1, 1, 4, 8)])[0, :4].tolist()
        [0.5, 2.5, 4.5, 6.5]
    """

    def __init__(self, levels: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.n_axes = levels[0].ndim - 2
        for i, level in enumerate(levels[:LEVELS]):
            for axis, size in enumerate(level.shape[2:]):
                self.register_buffer(f"level{i}_axis{axis}", _weights(size, GRID[self.n_axes]), persistent=False)

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """Args: levels: of the same sizes. Returns: (B, (C_1 + C_2) * cells)."""
        return torch.cat([self._means(i, level).flatten(1) for i, level in enumerate(levels[:LEVELS])], dim=1)

    def _means(self, i: int, features: torch.Tensor) -> torch.Tensor:
        for axis in range(self.n_axes):
            weights = getattr(self, f"level{i}_axis{axis}")
            features = (features.movedim(axis + 2, -1) @ weights).movedim(-1, axis + 2)
        return features


def _weights(size: int, n_cells: int) -> torch.Tensor:
    """(size, n_cells): the share of each place in each cell's mean; cells of adaptive pooling, which may overlap."""
    place = torch.arange(size)[:, None]
    cell = torch.arange(n_cells)
    inside = (place >= cell * size // n_cells) & (place < -(-(cell + 1) * size // n_cells))
    return inside.float() / inside.sum(0)
