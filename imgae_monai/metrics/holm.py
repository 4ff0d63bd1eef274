"""Several comparisons at once: p values that stay honest about how many were made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm_adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm-Bonferroni adjusted p values: reject where one is below the level, and the family-wise error is that level.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979;
    the i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_j), as R's ``p.adjust(p, "holm")``. Valid
    however the tests depend on each other.

    Args:
        p_values: one per comparison that was made, in [0, 1]; None where a test is undefined, which is not counted.

    Returns:
        In the given order, in [0, 1]; None where None was given.

    Raises:
        ValueError: a p value is NaN or outside [0, 1].

    Example:
        >>> holm_adjust([0.25, 0.125, None, 0.5])
        [0.5, 0.375, None, 0.5]
    """
    bad = [(i, p) for i, p in enumerate(p_values) if p is not None and not 0 <= p <= 1]
    if bad:
        raise ValueError(f"p_values must lie between 0 and 1; got {bad[0][1]} at index {bad[0][0]}")
    defined = np.array([p for p in p_values if p is not None], dtype=np.float64)
    order = np.argsort(defined, kind="stable")
    stepped = defined[order] * (len(defined) - np.arange(len(defined)))
    adjusted = np.empty_like(defined)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    remaining = iter(adjusted.tolist())
    return [None if p is None else next(remaining) for p in p_values]
