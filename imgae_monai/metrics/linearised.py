"""Confidence intervals of the image-level metrics for data too large to resample, by the same patients.

Ten thousand draws of a million images take minutes. At that size these metrics are close to linear in the weights of
the patients; the slope in each weight gives the variance that the bootstrap would find, at the cost of one pass. With
few images the bootstrap is the better one: it needs no normal distribution.
"""

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
    check_threshold,
    compute_auroc,
    compute_average_precision,
    compute_threshold_metrics,
)
from imgae_monai.metrics.partial_auroc import check_min_specificity, compute_partial_auroc
from imgae_monai.metrics.patients import patient_index

_UNBOUNDED = ("positive_likelihood_ratio", "negative_likelihood_ratio")


def linearised_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float,
    confidence: float = 0.95,
    min_specificity: float = 0.9,
) -> dict[str, tuple[float, float] | None]:
    """Normal intervals of the metrics of :func:`bootstrap_metrics`, from the infinitesimal jackknife over patients.

    Source: Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982, chapter 6: the variance is the sum
    over patients of the squared slope of the metric in the patient's weight. Slopes are centred in each stratum of
    patients (with and without an abnormal image), as the bootstrap draws each apart. The interval is estimate +- z SE,
    on the log scale for likelihood ratios and cut at 0 and 1 otherwise. At the partial AUROC's bound, the curve's
    height is taken where the scores reach it.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        threshold: abnormal where score > threshold, in the unit of the scores; held fixed.
        confidence: coverage of the interval, in (0, 1).
        min_specificity: of the partial AUROC, in [0, 1).

    Returns:
        The names of :func:`bootstrap_metrics`, each (low, high), or None where the metric is undefined, or its variance
        is 0 (all patients agree, so that they don't show how much it varies).

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence or min_specificity is out of range.

    Example:
        >>> interval = linearised_metrics([1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1], list("abcdef"), 3.5)["accuracy"]
        >>> [round(bound, 3) for bound in interval]
        [0.289, 1.0]
    """
    check_confidence(confidence)
    check_min_specificity(min_specificity)
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    patients = patient_index(patient_ids, len(values))
    estimates = {
        "auroc": compute_auroc(values, abnormal),
        "average_precision": compute_average_precision(values, abnormal),
        "partial_auroc": compute_partial_auroc(values, abnormal, min_specificity),
        **{k: v for k, v in compute_threshold_metrics(values, abnormal, threshold).items() if not isinstance(v, int)},
    }
    slopes = _threshold_slopes(values > check_threshold(threshold), abnormal)
    if 0 < abnormal.sum() < len(values):
        slopes |= ranking_slopes(values, abnormal, 1 - min_specificity)
    z = float(norm.isf((1 - confidence) / 2))
    has_abnormal = np.bincount(patients, weights=abnormal) > 0
    result: dict[str, tuple[float, float] | None] = {}
    for name, estimate in estimates.items():
        if estimate is None:
            result[name] = None
            continue
        of_patients = np.bincount(patients, weights=slopes[name])
        half = z * math.sqrt(sum(centred_sum(of_patients[s]) for s in (has_abnormal, ~has_abnormal)))
        result[name] = _around(estimate, half, on_log=name in _UNBOUNDED)
    return result


def _around(estimate: float, half: float, on_log: bool) -> tuple[float, float] | None:
    if not half > 0:
        return None
    if on_log:
        return (estimate * math.exp(-half / estimate), estimate * math.exp(half / estimate)) if estimate > 0 else None
    return max(estimate - half, 0.0), min(estimate + half, 1.0)


def centred_sum(slopes: NDArray[Any]) -> float:
    """Sum of squares about the mean of a stratum's slopes; 0 where it is empty."""
    return float(np.sum((slopes - slopes.mean()) ** 2)) if slopes.size else 0.0


def _threshold_slopes(flagged: NDArray[np.bool_], abnormal: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Each metric is a ratio a / b of sums over images; its slope in an image's weight is (a_i - ratio b_i) / b."""
    one = np.ones(len(flagged))
    tp, fp, fn, tn = flagged & abnormal, flagged & ~abnormal, ~flagged & abnormal, ~flagged & ~abnormal
    slopes = {
        "f1": _ratio_slope(2.0 * tp, 2.0 * tp + fp + fn),
        "sensitivity": _ratio_slope(1.0 * tp, 1.0 * abnormal),
        "specificity": _ratio_slope(1.0 * tn, 1.0 * ~abnormal),
        "precision": _ratio_slope(1.0 * tp, 1.0 * flagged),
        "accuracy": _ratio_slope(1.0 * (tp | tn), one),
    }
    slopes["balanced_accuracy"] = (slopes["sensitivity"] + slopes["specificity"]) / 2
    missed, passed = _ratio_slope(1.0 * fn, 1.0 * abnormal), _ratio_slope(1.0 * fp, 1.0 * ~abnormal)
    sensitivity, specificity = _share(tp, abnormal), _share(tn, ~abnormal)
    slopes["positive_likelihood_ratio"] = _quotient_slope(
        sensitivity, slopes["sensitivity"], _share(fp, ~abnormal), passed
    )
    slopes["negative_likelihood_ratio"] = _quotient_slope(
        _share(fn, abnormal), missed, specificity, slopes["specificity"]
    )
    return slopes


def _ratio_slope(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    total = whole.sum()
    return (part - part.sum() / total * whole) / total if total else np.zeros(len(part))


def _quotient_slope(a: float, slope_a: NDArray[Any], b: float, slope_b: NDArray[Any]) -> NDArray[Any]:
    return (slope_a - a / b * slope_b) / b if b else np.zeros(len(slope_a))


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else 0.0


def ranking_slopes(
    scores: NDArray[Any], abnormal: NDArray[np.bool_], max_false_positive_rate: float
) -> dict[str, NDArray[Any]]:
    """Slopes of AUROC, average precision and the standardised partial AUROC in each image's weight, (n,)."""
    steps, step = np.unique(-scores, return_inverse=True)  # ascending: step 0 is the highest score
    n_abnormal, n_normal = int(abnormal.sum()), int((~abnormal).sum())
    positives = np.bincount(step, weights=abnormal, minlength=len(steps))
    negatives = np.bincount(step, weights=~abnormal, minlength=len(steps))
    tp, fp = np.cumsum(positives), np.cumsum(negatives)
    above = (tp - positives / 2) / n_abnormal  # share of abnormal images above a normal one at this step
    beaten = 1 - (fp - negatives / 2) / n_normal
    auroc = float(np.sum(positives * beaten)) / n_abnormal

    precision = tp / (tp + fp)
    average_precision = float(np.sum(positives * precision)) / n_abnormal
    # weight at a step changes the precision of that step and of all that come after it
    rises = np.cumsum((positives * fp / (tp + fp) ** 2)[::-1])[::-1]
    falls = np.cumsum((positives * tp / (tp + fp) ** 2)[::-1])[::-1]

    # the curve up to the bound: steps inside count whole, the one that crosses it in part
    rate = max_false_positive_rate
    inside = np.clip(rate * n_normal - (fp - negatives), 0, negatives)
    share = np.divide(inside, negatives, out=np.zeros_like(inside), where=negatives > 0)
    crossing = int(np.searchsorted(fp, rate * n_normal, side="left"))
    height = (tp[crossing] - positives[crossing] * (1 - share[crossing])) / n_abnormal
    within = (tp - positives + positives * share / 2) / n_abnormal
    area = float(np.sum(inside * within)) / n_normal
    remaining = (np.cumsum(inside[::-1])[::-1] - inside + inside * share / 2) / n_normal
    # a normal image inside shifts the bound: the curve's height there is what it displaces
    of_normal = (share * (within - height) - (area - rate * height)) / n_normal
    of_abnormal = (remaining - area) / n_abnormal
    scale = 2 * (rate - rate**2 / 2)
    return {
        "auroc": np.where(abnormal, (beaten[step] - auroc) / n_abnormal, (above[step] - auroc) / n_normal),
        "average_precision": np.where(abnormal, precision[step] - average_precision + rises[step], -falls[step])
        / n_abnormal,
        "partial_auroc": np.where(abnormal, of_abnormal[step], of_normal[step]) / scale,
    }
