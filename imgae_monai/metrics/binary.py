"""Image-level figures of merit from raw anomaly scores.

MONAI's ``compute_roc_auc`` accumulates in the labels' dtype, which is wrong for float32 labels under numpy 2, and needs
tens of seconds for 1e7 scores. Here labels become bool and every count is an int64, so the dtype of the input cannot
change a result. An undefined value (0/0) is ``None``: a NaN would travel on silently into a mean or a checkpoint rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MAX_NAMED = 10


def check_scores(scores: ArrayLike, names: Sequence[str] | None = None, argument: str = "scores") -> NDArray[Any]:
    """Return ``scores`` as float64 (n,), or raise a ``ValueError`` that says which of them are not finite."""
    given = np.asarray(scores)
    if given.ndim != 1 or given.dtype.kind not in "fiub":
        raise ValueError(f"{argument} must be one real number per image, (n,); got {given.dtype} {given.shape}")
    if names is not None and len(names) != len(given):
        raise ValueError(f"names must have one entry per score; got {len(names)} names for {len(given)} {argument}")
    values = given.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"{argument} must be finite; NaN or infinite at {_named(bad, names)}")
    return values


def check_labels(
    labels: ArrayLike, n: int, names: Sequence[str] | None = None, argument: str = "labels"
) -> NDArray[np.bool_]:
    """Return ``labels`` as bool (n,), True is abnormal; anything but exactly 0 and 1 is a ``ValueError``."""
    given = np.asarray(labels)
    if given.shape != (n,) or given.dtype.kind not in "fiub":
        raise ValueError(f"{argument} must be one 0 or 1 per image, ({n},); got {given.dtype} {given.shape}")
    abnormal: NDArray[np.bool_] = given == 1
    bad = np.flatnonzero(~abnormal & (given != 0))
    if bad.size:
        raise ValueError(f"{argument} must be 0 (normal) or 1 (abnormal); got {given[bad[0]]} at {_named(bad, names)}")
    return abnormal


def check_threshold(threshold: float) -> float:
    """Return ``threshold`` as a float, or raise a ``ValueError`` where it is NaN (no score compares with it)."""
    if math.isnan(threshold):
        raise ValueError("threshold must be a number; got NaN")
    return float(threshold)


def check_confidence(confidence: float) -> float:
    """Return ``confidence``, or raise a ``ValueError`` where it is not a share strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, such as 0.95; got {confidence}")
    return float(confidence)


def count_above(scores: NDArray[Any], abnormal: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and false positives of "score >= t" for each distinct score t, from the highest; each starts with a 0.

    Tied scores form one step, which is what makes the area below count a tie as one half.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.empty(0, dtype=np.int64)
    true_positives = np.concatenate(([0], np.cumsum(abnormal[order], dtype=np.int64)[ends]))
    return true_positives, np.concatenate(([0], ends + 1)) - true_positives


def compute_auroc(scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None) -> float | None:
    """Area under the ROC curve: the chance that an abnormal image scores above a normal one, ties counting one half.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982 (the area is
    the Mann-Whitney statistic over the number of pairs).

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal; never clamped.
        labels: (n,), 0 normal and 1 abnormal, as bool, int or float.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        The area in [0, 1], or None where a class is absent.

    Raises:
        ValueError: a score is not finite, a label is neither 0 nor 1, or the lengths differ.

    Example:
        >>> compute_auroc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
        0.875
    """
    values = check_scores(scores, names)
    true_positives, false_positives = count_above(values, check_labels(labels, len(values), names))
    pairs = int(true_positives[-1]) * int(false_positives[-1])
    if pairs == 0:
        return None
    twice_won = int(np.sum(np.diff(false_positives) * (true_positives[1:] + true_positives[:-1])))
    return twice_won / (2 * pairs)


def compute_average_precision(scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None) -> float | None:
    """Average precision: the precision at each step of recall, weighted by the step; no trapezoid, no interpolation.

    Source: scikit-learn's ``average_precision_score``; Davis and Goadrich, "The relationship between Precision-Recall
    and ROC curves", ICML 2006, section 4, say why linear interpolation flatters. Chance is the share of abnormal
    images, so a value is worth nothing without that share.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal; never clamped.
        labels: (n,), 0 normal and 1 abnormal, as bool, int or float.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        The average precision in [0, 1], or None where a class is absent.

    Raises:
        ValueError: a score is not finite, a label is neither 0 nor 1, or the lengths differ.

    Example:
        >>> compute_average_precision([0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1])  # 1/2 * 1/1 + 1/2 * 2/3
        0.8333333333333333
    """
    values = check_scores(scores, names)
    true_positives, false_positives = count_above(values, check_labels(labels, len(values), names))
    if true_positives[-1] == 0 or false_positives[-1] == 0:
        return None
    precision = true_positives[1:] / (true_positives[1:] + false_positives[1:])
    return float(np.sum(np.diff(true_positives) * precision) / true_positives[-1])


def compute_threshold_metrics(
    scores: ArrayLike, labels: ArrayLike, threshold: float, names: Sequence[str] | None = None
) -> dict[str, float | None]:
    """Figures of the decision "abnormal where score > threshold" (strictly).

    Source: the four cells of the confusion table; F1 = 2 TP / (2 TP + FP + FN), van Rijsbergen 1979. Likelihood ratios
    are sensitivity / (1 - specificity) and (1 - sensitivity) / specificity: the factor that a decision "abnormal", or
    "normal", multiplies the odds of being abnormal by (Deeks and Altman, "Diagnostic tests 4: likelihood ratios", BMJ
    329, 2004).

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal; never clamped.
        labels: (n,), 0 normal and 1 abnormal, as bool, int or float.
        threshold: in the unit of the scores, chosen without these labels.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        ``f1``, ``sensitivity``, ``specificity``, ``precision``, ``accuracy``, ``balanced_accuracy`` in [0, 1], each
        None where it is 0/0; ``positive_likelihood_ratio`` and ``negative_likelihood_ratio`` in [0, inf), None where
        the divisor is 0 (no normal image is flagged, or all are); and the counts ``true_positives``,
        ``false_positives``, ``true_negatives``, ``false_negatives``.

    Raises:
        ValueError: a score is not finite, a label is neither 0 nor 1, the lengths differ, or the threshold is NaN.

    Example:
        >>> compute_threshold_metrics([0.1, 0.5, 0.8], [0, 1, 1], threshold=0.5)["sensitivity"]
        0.5
    """
    values = check_scores(scores, names)
    abnormal = check_labels(labels, len(values), names)
    flagged = values > check_threshold(threshold)
    tp, fp = int(np.sum(flagged & abnormal)), int(np.sum(flagged & ~abnormal))
    fn, tn = int(np.sum(abnormal)) - tp, int(np.sum(~abnormal)) - fp
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    balanced = None if sensitivity is None or specificity is None else (sensitivity + specificity) / 2
    return {
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _ratio(tp, tp + fp),
        "accuracy": _ratio(tp + tn, len(values)),
        "balanced_accuracy": balanced,
        "positive_likelihood_ratio": _ratio(tp * (fp + tn), (tp + fn) * fp),
        "negative_likelihood_ratio": _ratio(fn * (fp + tn), (tp + fn) * tn),
        "true_positives": tp,
        "false_positives": fp,
        "true_negatives": tn,
        "false_negatives": fn,
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _named(indices: NDArray[np.intp], names: Sequence[str] | None) -> str:
    shown = [str(i if names is None else names[i]) for i in indices[:_MAX_NAMED]]
    more = f" and {len(indices) - _MAX_NAMED} more" if len(indices) > _MAX_NAMED else ""
    return f"{'index' if names is None else 'image'} {', '.join(shown)}{more}"
