"""Whether probabilities mean what they say: of images given 0.8, are eight in ten abnormal?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import check_labels, check_scores


def reliability_curve(probabilities: ArrayLike, labels: ArrayLike, n_bins: int = 10) -> list[dict[str, float]]:
    """Mean probability and share of abnormal images, by bins of equal width.

    Source: Murphy and Winkler, "Reliability of subjective probability forecasts of precipitation and temperature",
    Applied Statistics 26, 1977; bins and means as in scikit-learn's ``calibration_curve``.

    Args:
        probabilities: (n,) in [0, 1], of being abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        n_bins: bins of equal width in [0, 1]; a probability at a bound is in the lower bin.

    Returns:
        of each bin that holds an image, ascending: ``low`` and ``high`` (its bounds), ``mean_probability``,
        ``share_abnormal`` and ``n`` (images).

    Raises:
        ValueError: a probability is not in [0, 1], a label is neither 0 nor 1, the lengths differ, or n_bins is
            below 1.

    Example:
        >>> curve = reliability_curve([0.1, 0.3, 0.9, 0.7], [0, 1, 1, 1], n_bins=2)
        >>> [(b["high"], round(b["mean_probability"], 2), b["share_abnormal"], b["n"]) for b in curve]
        [(0.5, 0.2, 0.5, 2), (1.0, 0.8, 1.0, 2)]
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1; got {n_bins}")
    values = check_scores(probabilities, argument="probabilities")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"probabilities must lie in [0, 1]; got {values.min():g} to {values.max():g}")
    abnormal = check_labels(labels, len(values))
    bounds = np.linspace(0, 1, n_bins + 1)
    bins = np.searchsorted(bounds[1:-1], values)
    counts = np.bincount(bins, minlength=n_bins)
    means, shares = (
        np.bincount(bins, weights=weights, minlength=n_bins) / np.maximum(counts, 1) for weights in (values, abnormal)
    )
    return [
        {
            "low": float(bounds[i]),
            "high": float(bounds[i + 1]),
            "mean_probability": float(means[i]),
            "share_abnormal": float(shares[i]),
            "n": int(counts[i]),
        }
        for i in np.flatnonzero(counts)
    ]


def expected_calibration_error(curve: Sequence[Mapping[str, float]]) -> float | None:
    """Mean distance of a reliability curve from the diagonal, each bin by its images.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    It depends on the bins, and chance alone keeps it above 0: compare it on the same images and bins only.

    Args:
        curve: as :py:func:`reliability_curve` returns it.

    Returns:
        the error in [0, 1], or None without images.

    Example:
        >>> round(expected_calibration_error(reliability_curve([0.1, 0.3, 0.9, 0.7], [0, 1, 1, 1], n_bins=2)), 3)
        0.25
    """
    n = sum(b["n"] for b in curve)
    if not n:
        return None
    return float(sum(b["n"] * abs(b["mean_probability"] - b["share_abnormal"]) for b in curve) / n)
