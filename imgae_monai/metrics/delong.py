"""The variance of an AUROC, and of the difference of two on the same images, without resampling.

The AUROC is a mean of placements: of each abnormal image, the share of normal images that it scores above, and of each
normal image, the share of abnormal ones above it. Their variances give that of the AUROC (DeLong et al. 1988). With
several images a patient, placements are summed by patient first (Obuchowski 1997); where each image is a patient of its
own, this is DeLong's variance to the last digit, so that there is one formula here.

A search in the sorted scores finds all placements in O(n log n), as the mid-ranks of Sun and Xu 2014 do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from imgae_monai.metrics.binary import check_confidence, check_labels, check_scores, compute_auroc
from imgae_monai.metrics.patients import patient_index


def delong_covariance(
    scores: Sequence[ArrayLike], labels: ArrayLike, patient_ids: Sequence[Any] | NDArray[Any] | None = None
) -> NDArray[Any] | None:
    """Covariance of the AUROCs of several models on the same images.

    Source: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    characteristic curves: a nonparametric approach", Biometrics 44, 1988; for several images a patient Obuchowski,
    "Nonparametric analysis of clustered ROC curve data", Biometrics 53, 1997; fast placements as in Sun and Xu, "Fast
    implementation of DeLong's algorithm", IEEE Signal Processing Letters 21, 2014.

    Args:
        scores: raw anomaly scores of each model, (models, n), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; None takes the images as independent (DeLong), which makes the variance
            too small where a patient has several images that resemble each other.

    Returns:
        (models, models), or None where fewer than two patients have an abnormal image or fewer than two a normal one.

    Raises:
        ValueError: scores, labels or patient_ids are malformed.

    Example:
        >>> delong_covariance([[1, 2, 3, 4]], [0, 1, 0, 1]).round(4).tolist()  # (1/8 + 1/8) / 2
        [[0.125]]
    """
    models = [check_scores(model, argument=f"scores[{i}]") for i, model in enumerate(scores)]
    sizes = {len(model) for model in models}
    if len(sizes) != 1:
        raise ValueError(f"scores must be of the same images, one row a model; got rows of {sorted(sizes)} scores")
    abnormal = check_labels(labels, sizes.pop())
    patients = np.arange(len(abnormal)) if patient_ids is None else patient_index(patient_ids, len(abnormal))
    corrections = _corrections(abnormal, patients)
    if corrections is None:
        return None
    return _covariance(*_patient_sums(models, abnormal, patients), corrections)


def delong_interval(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
    on_logit: bool = True,
) -> dict[str, Any]:
    """AUROC with its standard error and interval (see :func:`delong_covariance`).

    Source of the scale: Pepe, "The Statistical Evaluation of Medical Tests for Classification and Prediction", 2003,
    chapter 5: logit(AUROC) +- z SE / (AUROC (1 - AUROC)), transformed back, stays within (0, 1) and covers better
    near 1 than AUROC +- z SE, which is cut at 0 and 1 (what pROC's ``ci.auc`` and SAS print).

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; None takes the images as independent.
        confidence: coverage of the interval, in (0, 1).
        on_logit: make the interval on the logit scale; otherwise plain.

    Returns:
        ``auroc`` (None where a class is absent), ``standard_error`` (None where a class has fewer than two patients)
        and ``interval`` (low, high), None where the standard error is None or 0: classes that do not overlap say
        nothing of how far apart they are, and an interval of no width would claim certainty.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence is out of range.

    Example:
        >>> result = delong_interval([1, 2, 3, 4], [0, 1, 0, 1])
        >>> result["auroc"], round(result["standard_error"], 4)
        (0.75, 0.3536)
    """
    check_confidence(confidence)
    auroc = compute_auroc(scores, labels)
    covariance = delong_covariance([scores], labels, patient_ids)
    if auroc is None or covariance is None:
        return {"auroc": auroc, "standard_error": None, "interval": None}
    error = math.sqrt(covariance[0, 0])
    half = float(norm.isf((1 - confidence) / 2)) * error
    interval = None
    if error > 0 and on_logit and 0 < auroc < 1:
        centre, half = logit(auroc), half / (auroc * (1 - auroc))
        interval = float(expit(centre - half)), float(expit(centre + half))
    elif error > 0:
        interval = max(auroc - half, 0.0), min(auroc + half, 1.0)
    return {"auroc": auroc, "standard_error": error, "interval": interval}


def delong_test(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any] | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Paired comparison of two models' AUROCs on the same images, A minus B (see :func:`delong_covariance`).

    z = difference / SE against the standard normal, two-sided; the interval is difference +- z SE, plain.

    Args:
        scores_a: raw anomaly scores of model A, (n,).
        scores_b: raw anomaly scores of model B on the same images in the same order, (n,); the units may differ.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; None takes the images as independent.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``difference``, ``standard_error``, ``interval`` (low, high), ``z`` and ``p_value``. All None where a class is
        absent; all but ``difference`` where a class has fewer than two patients. Two rankings whose placements differ
        nowhere have z = 0 and p = 1; a difference without a standard error (a perfect model against an inverted one)
        has no z, p or interval.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence is out of range.

    Example:
        >>> result = delong_test([1, 3, 5, 2, 6, 4], [1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 1])
        >>> round(result["difference"], 4), round(result["p_value"], 4)
        (0.1111, 0.4795)
    """
    check_confidence(confidence)
    a, b = check_scores(scores_a, argument="scores_a"), check_scores(scores_b, argument="scores_b")
    if len(a) != len(b):
        raise ValueError(f"scores_a and scores_b must be of the same images; got {len(a)} and {len(b)} scores")
    result: dict[str, Any] = dict.fromkeys(("difference", "standard_error", "interval", "z", "p_value"))
    auroc_a, auroc_b = compute_auroc(a, labels), compute_auroc(b, labels)
    if auroc_a is None or auroc_b is None:
        return result
    result["difference"] = difference = auroc_a - auroc_b
    abnormal = check_labels(labels, len(a))
    patients = np.arange(len(a)) if patient_ids is None else patient_index(patient_ids, len(a))
    corrections = _corrections(abnormal, patients)
    if corrections is None:
        return result
    # of the difference's own sums: the three terms of its variance would leave a rounding error for equal rankings
    of_a, of_b = _patient_sums([a, b], abnormal, patients)
    variance = _covariance(of_a[:1] - of_a[1:], of_b[:1] - of_b[1:], corrections)
    result["standard_error"] = error = math.sqrt(variance[0, 0])
    if error == 0:
        return result | ({"interval": (0.0, 0.0), "z": 0.0, "p_value": 1.0} if difference == 0 else {})
    half, z = float(norm.isf((1 - confidence) / 2)) * error, difference / error
    return result | {"interval": (difference - half, difference + half), "z": z, "p_value": float(2 * norm.sf(abs(z)))}


def _corrections(abnormal: NDArray[np.bool_], patients: NDArray[np.intp]) -> tuple[float, float, float] | None:
    """k / (k - 1) of the patients with an abnormal image, with a normal one, and of all; None where k is below 2."""
    counts = [len(np.unique(patients[rows])) for rows in (abnormal, ~abnormal)]
    if min(counts) < 2:
        return None
    first, second, overall = (k / (k - 1) for k in (*counts, int(patients.max()) + 1))
    return first, second, overall


def _patient_sums(
    models: Sequence[NDArray[Any]], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """By model and patient: placement less AUROC, summed over the abnormal images and over the normal ones, over n."""
    n_patients = int(patients.max()) + 1
    n_abnormal, n_normal = int(abnormal.sum()), int((~abnormal).sum())
    deviations = [_deviations(model, abnormal) for model in models]
    of_abnormal, of_normal = (
        np.stack([np.bincount(patients, weights=d * rows, minlength=n_patients) for d in deviations])
        / (2 * n_abnormal * n_normal * count)
        for rows, count in ((abnormal, n_abnormal), (~abnormal, n_normal))
    )
    return of_abnormal, of_normal


def _covariance(
    of_abnormal: NDArray[Any], of_normal: NDArray[Any], corrections: tuple[float, float, float]
) -> NDArray[Any]:
    both = of_abnormal @ of_normal.T
    return (
        corrections[0] * (of_abnormal @ of_abnormal.T)
        + corrections[1] * (of_normal @ of_normal.T)
        + corrections[2] * (both + both.T)
    )


def _deviations(scores: NDArray[Any], abnormal: NDArray[np.bool_]) -> NDArray[Any]:
    """Placement less AUROC of each image, (n,), times 2 x pairs: whole numbers, so that equal is exactly equal."""
    positives, negatives = np.sort(scores[abnormal]), np.sort(scores[~abnormal])
    twice_won = np.empty(len(scores), dtype=np.int64)
    for rows, others, sign in ((abnormal, negatives, 1), (~abnormal, positives, -1)):
        own = scores[rows]
        up_to = np.searchsorted(others, own, side="left") + np.searchsorted(others, own, side="right")
        twice_won[rows] = up_to if sign > 0 else 2 * len(others) - up_to
    total = int(twice_won[abnormal].sum())
    return np.where(abnormal, len(positives), len(negatives)) * twice_won.astype(np.float64) - total
