"""Scores on a grid that all sites share, counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def round_up(values: ArrayLike, step: float) -> NDArray[np.float64]:
    """Round values up to a grid whose points are ``1 + step`` times the one before.

    The grid of Masson et al., "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees"
    (VLDB 2019), needs no range that sites would have to agree on. A quantile of rounded values is the quantile of the
    values, rounded: never below it, and above it by at most ``step`` of its size.

    Args:
        values: any shape.
        step: relative width of a cell; 0 leaves the values as they are.

    Example:
        >>> round_up([0.0, 3.0, -3.0], 1.0)
        array([ 0.,  4., -2.])
    """
    values = np.asarray(values, dtype=np.float64)
    if step == 0:
        return values
    width = np.log1p(step)
    nonzero = np.where(values == 0, 1.0, values)
    cell = np.log(np.abs(nonzero)) / width
    rounded = np.where(nonzero > 0, np.exp(np.ceil(cell) * width), -np.exp(np.floor(cell) * width))
    return np.where(values == 0, 0.0, np.maximum(rounded, values))


def counted(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Different rows of values (n, k), ascending, and how often each is there: who came first is forgotten."""
    rows, counts = np.unique(values, axis=0, return_counts=True)
    return rows, counts.astype(np.int64)


def pooled(
    rows: Sequence[NDArray[np.float64]], counts: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The same over several sites."""
    different, where = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
    total = np.bincount(where.reshape(-1), weights=np.concatenate(counts), minlength=len(different))
    return different, total.astype(np.int64)


def quantile(values: NDArray[np.float64], counts: NDArray[np.int64], share: float) -> float:
    """As ``numpy.quantile(..., method="higher")`` of counted values (m,), ascending.

    Example:
        >>> quantile(np.array([1.0, 2.0, 5.0]), np.array([8, 1, 1]), 0.9)
        5.0
    """
    rank = int(np.ceil(share * (counts.sum() - 1)))
    return float(values[np.searchsorted(np.cumsum(counts), rank, side="right")])
