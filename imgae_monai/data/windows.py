"""Bring values without a nominal range to [0, 1]: the window's two ends, and the scaling between them."""

from __future__ import annotations

import numpy as np

WINDOWS = ("auto", "percentile", "full")
PERCENTILES = (0.5, 99.5)
_BLOCK = 1 << 24  # values scaled at a time: float64 for exactness without a second copy of a whole volume


def percentile_range(values: np.ndarray) -> tuple[float, float]:
    """The 0.5 % and 99.5 % percentiles, or the smallest and largest value where those two are equal (0, 0 of nothing).

    Example:
        >>> percentile_range(np.arange(1001))
        (5.0, 995.0)
        >>> percentile_range(np.array([0] * 999 + [7]))
        (0.0, 7.0)
    """
    if not values.size:
        return 0.0, 0.0
    low, high = np.percentile(values, PERCENTILES)
    if low == high:
        low, high = values.min(), values.max()
    return float(low), float(high)


def scale_to_unit(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bring ``low`` to 0 and ``high`` to 1, clipped; zeros where the two are equal.

    Args:
        values: of any shape and numeric type, finite.
        low: start of the window.
        high: end of the window.

    Returns:
        float32 of the same shape, values in [0, 1].

    Example:
        >>> scale_to_unit(np.array([-5, 0, 5, 20]), 0, 10).tolist()
        [0.0, 0.0, 0.5, 1.0]
    """
    out = np.zeros(values.shape, dtype=np.float32)
    if high <= low or not values.size:
        return out
    step = max(1, _BLOCK * len(values) // values.size)
    for start in range(0, len(values), step):
        block = values[start : start + step].astype(np.float64)
        out[start : start + step] = np.clip((block - low) / (high - low), 0, 1)
    return out
