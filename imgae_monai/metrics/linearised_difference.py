"""A paired comparison of two models on data too large to resample, by the same patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from imgae_monai.metrics.binary import (
    check_confidence,
    check_labels,
    check_scores,
    compute_auroc,
    compute_average_precision,
)
from imgae_monai.metrics.linearised import centred_sum, ranking_slopes
from imgae_monai.metrics.patients import count_patients, patient_index


def linearised_auroc_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Difference of AUROC and of average precision of two models on the same images, A minus B, without resampling.

    The slope of a difference in a patient's weight is the difference of the slopes, so that what is easy for both
    models cancels; its variance is that of :func:`imgae_monai.metrics.linearised_metrics` (Efron 1982, chapter 6). The
    interval is difference +- z SE, p is two-sided from the standard normal.

    Args:
        scores_a: raw anomaly scores of model A, (n,).
        scores_b: raw anomaly scores of model B on the same images in the same order, (n,); the units may differ.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        the keys of :func:`imgae_monai.metrics.bootstrap_auroc_difference`; all None where a class is absent, interval
        and p value None where a class has one patient only, or the standard error is 0 (but for equal rankings, whose p
        is 1).

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence is out of range.

    Example:
        >>> labels = [0, 1] * 20
        >>> found = linearised_auroc_difference(list(range(40)), list(range(40)), labels, list(range(40)))
        >>> found["difference"], found["interval"], found["p_value"]
        (0.0, (0.0, 0.0), 1.0)
    """
    check_confidence(confidence)
    a, b = check_scores(scores_a, argument="scores_a"), check_scores(scores_b, argument="scores_b")
    if len(a) != len(b):
        raise ValueError(f"scores_a and scores_b must be of the same images; got {len(a)} and {len(b)} scores")
    abnormal = check_labels(labels, len(a))
    patients = patient_index(patient_ids, len(a))
    names = {"auroc": "", "average_precision": "average_precision_"}
    parts = ("difference", "interval", "p_value")
    if not 0 < abnormal.sum() < len(a):
        return {f"{prefix}{part}": None for prefix in names.values() for part in parts}
    metrics = {"auroc": compute_auroc, "average_precision": compute_average_precision}
    slopes = [ranking_slopes(scores, abnormal, max_false_positive_rate=1.0) for scores in (a, b)]
    has_abnormal = np.bincount(patients, weights=abnormal) > 0
    one = 1 in (count_patients(patients, abnormal), count_patients(patients, ~abnormal))
    z = float(norm.isf((1 - confidence) / 2))
    result: dict[str, Any] = {}
    for name, prefix in names.items():
        value_a, value_b = (metrics[name](scores, abnormal) for scores in (a, b))
        difference = (value_a or 0.0) - (value_b or 0.0)  # neither is None where both classes are there
        of_patients = np.bincount(patients, weights=slopes[0][name] - slopes[1][name])
        error = math.sqrt(sum(centred_sum(of_patients[stratum]) for stratum in (has_abnormal, ~has_abnormal)))
        found = (difference, None, None) if one else _test(difference, error, z)
        result |= dict(zip((f"{prefix}{part}" for part in parts), found, strict=True))
    return result


def _test(difference: float, error: float, z: float) -> tuple[float, tuple[float, float] | None, float | None]:
    if not error > 0:
        return (difference, (0.0, 0.0), 1.0) if difference == 0 else (difference, None, None)
    interval = difference - z * error, difference + z * error
    return difference, interval, float(2 * norm.sf(abs(difference) / error))
