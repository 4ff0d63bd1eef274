"""Confidence intervals and a paired comparison by resampling patients.

Images of one patient resemble each other, so the patient is what is drawn. A draw is a vector of multiplicities, one
per patient: scores are sorted once, and every draw re-weighs that order instead of repeating and sorting rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import (
    check_labels,
    check_scores,
    check_threshold,
    compute_auroc,
    compute_average_precision,
    compute_threshold_metrics,
)
from imgae_monai.metrics.partial_auroc import check_min_specificity, compute_partial_auroc
from imgae_monai.metrics.patients import count_patients, patient_index
from imgae_monai.metrics.resampling import check_settings, divide, draw_weights, paired_difference, percentile_interval
from imgae_monai.metrics.weighted_ranking import WeightedRanking


def bootstrap_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float,
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    min_specificity: float = 0.9,
) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals of the image-level metrics, with patients as the unit of resampling.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval). Patients
    with at least one abnormal image and patients with normal images only are drawn separately, each as often as there
    are, so that both classes are in every draw. Where all patients have an abnormal image, or nothing is flagged, a
    metric can be undefined in some draws: these are left out of its interval. A likelihood ratio that is infinite in a
    draw is kept, and has no interval where a bound of it would be infinite. A stratum of one patient cannot vary,
    and an interval from a handful of patients is too narrow.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        threshold: abnormal where score > threshold, in the unit of the scores; held fixed over the draws.
        n_draws: number of bootstrap draws.
        seed: of the draws; the same seed, patients and labels give the same draws.
        confidence: coverage of the interval, in (0, 1).
        min_specificity: of the partial AUROC, in [0, 1).

    Returns:
        ``auroc``, ``average_precision``, ``partial_auroc``, ``f1``, ``sensitivity``, ``specificity``, ``precision``,
        ``accuracy``, ``balanced_accuracy``, ``positive_likelihood_ratio`` and ``negative_likelihood_ratio``, each (low,
        high), or None where the metric of the given images is undefined.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws, confidence or min_specificity is out of
            range.

    Example:
        >>> scores, labels = [0.1, 0.2, 0.6, 0.3, 0.7, 0.9], [0, 0, 0, 1, 1, 1]
        >>> bootstrap_metrics(scores, labels, patient_ids=list("abcdef"), threshold=0.5)["auroc"][1]
        1.0
    """
    check_settings(n_draws, confidence)
    check_min_specificity(min_specificity)
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    flagged = values > check_threshold(threshold)
    patients = patient_index(patient_ids, len(values))
    ranking = WeightedRanking(values, abnormal, patients)
    cells = (flagged & abnormal, flagged & ~abnormal, ~flagged & abnormal, ~flagged & ~abnormal)
    table = np.stack([np.bincount(patients, weights=cell) for cell in cells], axis=1)

    draws: dict[str, list[NDArray[Any]]] = {}
    for weights in draw_weights(abnormal, patients, n_draws, seed):
        chunk = {**ranking(weights, min_specificity), **_from_table(weights @ table)}
        for name, drawn in chunk.items():
            draws.setdefault(name, []).append(drawn)

    point = compute_threshold_metrics(values, abnormal, threshold)
    point["auroc"] = compute_auroc(values, abnormal)
    point["average_precision"] = compute_average_precision(values, abnormal)
    point["partial_auroc"] = compute_partial_auroc(values, abnormal, min_specificity)
    return {
        name: None if point[name] is None else percentile_interval(np.concatenate(drawn), confidence)
        for name, drawn in draws.items()
    }


def bootstrap_auroc_difference(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Paired comparison of two models on the same images: difference of AUROC and of average precision, A minus B.

    Each draw of patients (see :func:`bootstrap_metrics`) weighs both models' scores, so that what is easy for both
    cancels. Source: Efron and Tibshirani, 1993, chapters 13 and 15; p = 2 min(#{d <= 0} + 1, #{d >= 0} + 1) / (draws +
    1), at most 1, the level at which the percentile interval first holds 0; the +1 keeps it from being 0 (Davison and
    Hinkley, "Bootstrap Methods and their Application", 1997, section 4.2).

    Args:
        scores_a: raw anomaly scores of model A, (n,).
        scores_b: raw anomaly scores of model B on the same images in the same order, (n,); the units may differ.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        n_draws: number of bootstrap draws.
        seed: of the draws.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``difference``, ``interval`` (low, high) and ``p_value`` (two-sided) of the AUROC, and the same three of the
        average precision under ``average_precision_difference``, ``average_precision_interval`` and
        ``average_precision_p_value``; all None where a class is absent, interval and p value where a class has one
        patient only, who can't vary, or where the difference is the same in every draw (but for 0).

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws or confidence is out of range.

    Example:
        >>> result = bootstrap_auroc_difference([0.1, 0.2, 0.8, 0.9], [0.1, 0.8, 0.2, 0.9], [0, 0, 1, 1], list("abcd"))
        >>> result["difference"]
        0.25
    """
    check_settings(n_draws, confidence)
    a, b = check_scores(scores_a, argument="scores_a"), check_scores(scores_b, argument="scores_b")
    if len(a) != len(b):
        raise ValueError(f"scores_a and scores_b must be of the same images; got {len(a)} and {len(b)} scores")
    abnormal = check_labels(labels, len(a))
    patients = patient_index(patient_ids, len(a))
    rankings = [WeightedRanking(scores, abnormal, patients) for scores in (a, b)]
    chunks = [
        np.subtract(*(np.stack(list(ranking(weights).values())) for ranking in rankings))
        for weights in draw_weights(abnormal, patients, n_draws, seed)
    ]
    drawn = np.concatenate(chunks, axis=1)
    found = {
        **paired_difference("", compute_auroc(a, abnormal), compute_auroc(b, abnormal), drawn[0], confidence),
        **paired_difference(
            "average_precision_",
            compute_average_precision(a, abnormal),
            compute_average_precision(b, abnormal),
            drawn[1],
            confidence,
        ),
    }
    one = 1 in (count_patients(patients, abnormal), count_patients(patients, ~abnormal))
    return {key: None if one and not key.endswith("difference") else value for key, value in found.items()}


def _from_table(table: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Metrics of weighted confusion tables (draws, 4), columns TP, FP, FN, TN."""
    tp, fp, fn, tn = table.T
    return {
        "f1": divide(2 * tp, 2 * tp + fp + fn),
        "sensitivity": divide(tp, tp + fn),
        "specificity": divide(tn, tn + fp),
        "precision": divide(tp, tp + fp),
        "accuracy": divide(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": (divide(tp, tp + fn) + divide(tn, tn + fp)) / 2,
        "positive_likelihood_ratio": _likelihood_ratio(tp, fp, tp + fn, tn + fp),
        "negative_likelihood_ratio": _likelihood_ratio(fn, tn, tp + fn, tn + fp),
    }


def _likelihood_ratio(
    abnormal: NDArray[Any], normal: NDArray[Any], n_abnormal: NDArray[Any], n_normal: NDArray[Any]
) -> NDArray[Any]:
    """Share of the abnormal images over that of the normal ones; infinite where no normal image is among them."""
    ratio = divide(abnormal * n_normal, n_abnormal * normal)
    return np.where((normal == 0) & (abnormal > 0) & (n_normal > 0), np.inf, ratio)
