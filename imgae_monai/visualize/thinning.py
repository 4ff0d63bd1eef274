"""Fewer points where a curve has more than a figure can show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 500  # of a unit axis: 0.2 mm of a figure 100 mm wide


def thin_rising(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Leave out points of a curve that rises in both coordinates from (0, 0) to (1, 1).

    Args:
        x: (n,), not falling.
        y: (n,), not falling.

    Returns:
        x and y of the first and the last point of each step of 1/500 along the curve; the area below changes by less
        than 1/2000.
    """
    cell = np.floor((x + y) * _CELLS).astype(np.int64)
    changes = cell[1:] != cell[:-1]
    kept = np.append(True, changes) | np.append(changes, True)
    return x[kept], y[kept]


def thin_steps(edges: NDArray[Any], levels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Join steps that are narrower than 1/500 of the axis, each cell at the mean of its steps.

    Args:
        edges: (n + 1,), from 0 to 1, not falling.
        levels: (n,), the height between two edges.

    Returns:
        Edges and levels of as many steps or fewer, with the same area below.
    """
    widths = np.diff(edges)
    cell = np.floor(edges[1:] * _CELLS).astype(np.int64)
    starts = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
    if len(starts) == len(levels):
        return edges, levels
    width = np.add.reduceat(widths, starts)
    area = np.add.reduceat(widths * levels, starts)
    level = np.divide(area, width, out=levels[starts].astype(np.float64), where=width > 0)
    return np.append(edges[starts], edges[-1]), level
