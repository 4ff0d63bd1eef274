"""How good a probability of being abnormal is: its mean squared error, with an interval over patients.

An anomaly score is no probability, and none is made of it here; these figures are for predictions that are one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from imgae_monai.metrics.binary import check_labels, check_scores
from imgae_monai.metrics.intervals import MAX_RESAMPLED
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.reliability import expected_calibration_error, reliability_curve
from imgae_monai.metrics.resampling import check_settings, divide, draw_weights, has_no_width, percentile_interval


def check_probabilities(probabilities: ArrayLike, names: Sequence[str] | None = None) -> NDArray[Any]:
    """Return ``probabilities`` as float64 (n,), or raise a ``ValueError`` that names one that is none."""
    values = check_scores(probabilities, names, "probabilities")
    outside = np.flatnonzero((values < 0) | (values > 1))
    if outside.size:
        first = int(outside[0])
        where = f"index {first}" if names is None else f"image {names[first]}"
        raise ValueError(f"probabilities must lie in [0, 1]; got {values[first]:g} at {where}")
    return values


def compute_brier(probabilities: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None) -> float | None:
    """Brier score: the mean of (probability - label)^2; 0 is perfect, 0.25 what a constant 1/2 has.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950, in
    the form for two classes, as scikit-learn's ``brier_score_loss``.

    Args:
        probabilities: (n,) in [0, 1], of being abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        The score in [0, 1], or None without images.

    Raises:
        ValueError: a probability is none, a label is neither 0 nor 1, or the lengths differ.

    Example:
        >>> compute_brier([0.0, 0.5, 1.0, 1.0], [0, 0, 1, 0])
        0.3125
    """
    errors = _squared_errors(probabilities, labels, names)
    return float(errors.mean()) if errors.size else None


def probability_metrics(
    probabilities: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    n_draws: int = 10000,
    seed: int = 0,
    n_bins: int = 10,
    names: Sequence[str] | None = None,
    max_resampled: int = MAX_RESAMPLED,
) -> dict[str, Any]:
    """What can be said of a probability: Brier score with its 95 % interval over patients, and calibration.

    Args:
        probabilities: (n,) in [0, 1], of being abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        n_draws: number of bootstrap draws, as in :py:func:`imgae_monai.metrics.bootstrap_metrics`.
        seed: of the draws.
        n_bins: of the reliability curve.
        names: what an error calls the images, (n,); their indices by default.
        max_resampled: most images x draws that are resampled; beyond it the interval is the normal one of a mean over
            patients, as in :py:func:`imgae_monai.metrics.linearised_metrics`.

    Returns:
        ``brier``, ``brier_ci95`` (low, high), ``interval_method``, ``reliability``
        (:py:func:`imgae_monai.metrics.reliability_curve`) and ``expected_calibration_error``; None where undefined,
        and so is an interval that would have no width.

    Raises:
        ValueError: probabilities, labels or patient_ids are malformed, or n_draws or n_bins is out of range.
    """
    check_settings(n_draws, 0.95)
    errors = _squared_errors(probabilities, labels, names)
    patients = patient_index(patient_ids, len(errors))
    abnormal = check_labels(labels, len(errors))
    sums = np.stack([np.bincount(patients, weights=errors), np.bincount(patients)], axis=1)
    few = len(errors) * n_draws <= max_resampled
    if few:
        totals = np.concatenate([weights @ sums for weights in draw_weights(abnormal, patients, n_draws, seed)])
        interval = percentile_interval(divide(*totals.T), 0.95)
    else:
        interval = _linearised(sums, np.bincount(patients, weights=abnormal) > 0)
    if interval is not None and has_no_width(interval):
        interval = None
    curve = reliability_curve(probabilities, labels, n_bins)
    return {
        "brier": float(errors.mean()) if errors.size else None,
        "brier_ci95": interval,
        "interval_method": "bootstrap" if few else "linearised",
        "reliability": curve,
        "expected_calibration_error": expected_calibration_error(curve),
    }


def _squared_errors(probabilities: ArrayLike, labels: ArrayLike, names: Sequence[str] | None) -> NDArray[Any]:
    values = check_probabilities(probabilities, names)
    return (values - check_labels(labels, len(values), names)) ** 2


def _linearised(sums: NDArray[Any], has_abnormal: NDArray[np.bool_]) -> tuple[float, float] | None:
    error, count = sums.T
    mean = error.sum() / count.sum()
    slopes = (error - mean * count) / count.sum()
    variance = sum(float(np.sum((s - s.mean()) ** 2)) for s in (slopes[has_abnormal], slopes[~has_abnormal]) if s.size)
    half = float(norm.isf(0.025)) * math.sqrt(variance)
    return (max(0.0, float(mean) - half), min(1.0, float(mean) + half)) if half > 0 else None
