"""Confidence intervals and a paired comparison by resampling patients.

Images of one patient resemble each other, so the patient is what is drawn. A draw is a vector of multiplicities, one
per patient: scores are sorted once, and every draw re-weighs that order instead of repeating and sorting rows. Draws go
in chunks, whose size changes the memory and not the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import (
    check_confidence,
    check_labels,
    check_scores,
    check_threshold,
    compute_auroc,
    compute_average_precision,
    compute_threshold_metrics,
)
from imgae_monai.metrics.partial_auroc import (
    check_min_specificity,
    compute_partial_auroc,
    standardise_partial_area,
)
from imgae_monai.metrics.patients import patient_index

_CHUNK_ELEMENTS = 2**18  # 2 MB of float64 for each temporary, so that a chunk stays near the cache
_ROUNDING = 1e-12  # two sums of the same terms in another order are a difference of 0


class _WeightedRanking:
    """AUROC, average precision and partial AUROC of one score under many patient weightings."""

    def __init__(self, scores: NDArray[Any], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]) -> None:
        order = np.argsort(scores, kind="stable")
        scores, abnormal, patients = scores[order], abnormal[order], patients[order]
        self._abnormal_patients, self._normal_patients = patients[abnormal], patients[~abnormal]
        positives, negatives = scores[abnormal], scores[~abnormal]
        self._normals_below = np.searchsorted(negatives, positives, side="left")
        self._normals_up_to = np.searchsorted(negatives, positives, side="right")
        self._abnormals_below = np.searchsorted(positives, positives, side="left")
        # one step a distinct normal score, from the highest: its range in the normals, and in the abnormals
        steps = np.unique(negatives)[::-1]
        self._step_normals = tuple(np.searchsorted(negatives, steps, side=side) for side in ("left", "right"))
        self._step_abnormals = tuple(np.searchsorted(positives, steps, side=side) for side in ("left", "right"))

    def __call__(self, weights: NDArray[Any], min_specificity: float | None = None) -> dict[str, NDArray[Any]]:
        """``weights`` (draws, patients) to each metric (draws,), the partial one if asked for; NaN where undefined."""
        positive = weights.take(self._abnormal_patients, axis=1)
        below_positive = _cumulate(positive)
        below_negative = _cumulate(weights.take(self._normal_patients, axis=1))
        n_positive, n_negative = below_positive[:, -1], below_negative[:, -1]
        lower = below_negative.take(self._normals_below, axis=1)
        twice_won = np.einsum("ij,ij->i", positive, lower + below_negative.take(self._normals_up_to, axis=1))
        true_positives = n_positive[:, None] - below_positive.take(self._abnormals_below, axis=1)
        flagged = np.maximum(true_positives + n_negative[:, None] - lower, 1)  # 0 only where nobody drawn is flagged
        precision = np.einsum("ij,ij->i", positive, true_positives / flagged)
        both = (n_positive > 0) & (n_negative > 0)
        result = {
            "auroc": _divide(twice_won, 2 * n_positive * n_negative),
            "average_precision": np.where(both, _divide(precision, n_positive), np.nan),
        }
        if min_specificity is not None:
            width = 1 - min_specificity
            area = _divide(self._area(below_positive, below_negative, width), n_positive * n_negative)
            result["partial_auroc"] = standardise_partial_area(area, width)
        return result

    def _area(
        self, below_positive: NDArray[Any], below_negative: NDArray[Any], max_false_positive_rate: float
    ) -> NDArray[Any]:
        """Area under the curve of true over false positives up to a share of the normals, in pairs (draws,)."""
        n_positive, n_negative = below_positive[:, -1:], below_negative[:, -1:]
        limit = max_false_positive_rate * n_negative
        n_steps = len(self._step_normals[0])
        used = min(n_steps, int(1.2 * max_false_positive_rate * n_steps) + 20)
        # the draws' multiplicities decide how many steps the share takes
        while used < n_steps and np.any(n_negative[:, 0] - below_negative[:, self._step_normals[0][used - 1]] < limit):
            used = min(n_steps, 2 * used)
        first, last = (below_negative.take(side[:used], axis=1) for side in self._step_normals)
        lower, upper = (below_positive.take(side[:used], axis=1) for side in self._step_abnormals)
        width = last - first
        inside = np.clip(limit - (n_negative - last), 0, width)
        share_inside = np.divide(inside, width, out=np.zeros_like(width), where=width > 0)
        pairs = inside * (n_positive - upper + (upper - lower) * share_inside / 2)
        # whole steps add up without rounding, and one at most is cut: so the number of steps used changes no result
        cut = share_inside < 1
        return np.sum(np.where(cut, 0, pairs), axis=1) + np.sum(np.where(cut, pairs, 0), axis=1)


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
    _check_settings(n_draws, confidence)
    check_min_specificity(min_specificity)
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    flagged = values > check_threshold(threshold)
    patients = patient_index(patient_ids, len(values))
    ranking = _WeightedRanking(values, abnormal, patients)
    cells = (flagged & abnormal, flagged & ~abnormal, ~flagged & abnormal, ~flagged & ~abnormal)
    table = np.stack([np.bincount(patients, weights=cell) for cell in cells], axis=1)

    draws: dict[str, list[NDArray[Any]]] = {}
    for weights in _draw_weights(abnormal, patients, n_draws, seed):
        chunk = {**ranking(weights, min_specificity), **_from_table(weights @ table)}
        for name, drawn in chunk.items():
            draws.setdefault(name, []).append(drawn)

    point = compute_threshold_metrics(values, abnormal, threshold)
    point["auroc"] = compute_auroc(values, abnormal)
    point["average_precision"] = compute_average_precision(values, abnormal)
    point["partial_auroc"] = compute_partial_auroc(values, abnormal, min_specificity)
    return {
        name: None if point[name] is None else _interval(np.concatenate(drawn), confidence)
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
        ``average_precision_p_value``; all None where a class is absent.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws or confidence is out of range.

    Example:
        >>> result = bootstrap_auroc_difference([0.1, 0.2, 0.8, 0.9], [0.1, 0.8, 0.2, 0.9], [0, 0, 1, 1], list("abcd"))
        >>> result["difference"]
        0.25
    """
    _check_settings(n_draws, confidence)
    a, b = check_scores(scores_a, argument="scores_a"), check_scores(scores_b, argument="scores_b")
    if len(a) != len(b):
        raise ValueError(f"scores_a and scores_b must be of the same images; got {len(a)} and {len(b)} scores")
    abnormal = check_labels(labels, len(a))
    patients = patient_index(patient_ids, len(a))
    rankings = [_WeightedRanking(scores, abnormal, patients) for scores in (a, b)]
    chunks = [
        np.subtract(*(np.stack(list(ranking(weights).values())) for ranking in rankings))
        for weights in _draw_weights(abnormal, patients, n_draws, seed)
    ]
    drawn = np.concatenate(chunks, axis=1)
    return {
        **_difference("", compute_auroc(a, abnormal), compute_auroc(b, abnormal), drawn[0], confidence),
        **_difference(
            "average_precision_",
            compute_average_precision(a, abnormal),
            compute_average_precision(b, abnormal),
            drawn[1],
            confidence,
        ),
    }


def _draw_weights(
    abnormal: NDArray[np.bool_], patients: NDArray[np.intp], n_draws: int, seed: int
) -> Iterator[NDArray[Any]]:
    """Multiplicities (draws, patients) in chunks; a stratum has its own stream, so chunks don't change the draws."""
    n_patients = int(patients.max(initial=-1)) + 1
    has_abnormal = np.bincount(patients, weights=abnormal, minlength=n_patients) > 0
    strata = [np.flatnonzero(has_abnormal), np.flatnonzero(~has_abnormal)]
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(len(strata))]
    rows = max(1, _CHUNK_ELEMENTS // max(1, len(patients)))
    for start in range(0, n_draws, rows):
        n = min(rows, n_draws - start)
        weights = np.zeros((n, n_patients))
        for members, stream in zip(strata, streams, strict=True):
            if members.size:
                picks = stream.integers(members.size, size=(n, members.size)) + members.size * np.arange(n)[:, None]
                counts = np.bincount(picks.ravel(), minlength=n * members.size)
                weights[:, members] = counts.reshape(n, members.size)
        yield weights


def _check_settings(n_draws: int, confidence: float) -> None:
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1; got {n_draws}")
    check_confidence(confidence)


def _from_table(table: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Metrics of weighted confusion tables (draws, 4), columns TP, FP, FN, TN."""
    tp, fp, fn, tn = table.T
    return {
        "f1": _divide(2 * tp, 2 * tp + fp + fn),
        "sensitivity": _divide(tp, tp + fn),
        "specificity": _divide(tn, tn + fp),
        "precision": _divide(tp, tp + fp),
        "accuracy": _divide(tp + tn, tp + fp + fn + tn),
        "balanced_accuracy": (_divide(tp, tp + fn) + _divide(tn, tn + fp)) / 2,
        "positive_likelihood_ratio": _likelihood_ratio(tp, fp, tp + fn, tn + fp),
        "negative_likelihood_ratio": _likelihood_ratio(fn, tn, tp + fn, tn + fp),
    }


def _cumulate(weights: NDArray[Any]) -> NDArray[Any]:
    """Running totals along a row, with a leading 0: element k is the weight of the first k columns."""
    totals = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=totals[:, 1:])
    return totals


def _divide(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _likelihood_ratio(
    abnormal: NDArray[Any], normal: NDArray[Any], n_abnormal: NDArray[Any], n_normal: NDArray[Any]
) -> NDArray[Any]:
    """Share of the abnormal images over that of the normal ones; infinite where no normal image is among them."""
    ratio = _divide(abnormal * n_normal, n_abnormal * normal)
    return np.where((normal == 0) & (abnormal > 0) & (n_normal > 0), np.inf, ratio)


def _interval(drawn: NDArray[Any], confidence: float) -> tuple[float, float] | None:
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return None
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    if np.isinf(defined).any():
        # without interpolation: half way to infinity is no number
        low, high = np.quantile(defined, levels[0], method="lower"), np.quantile(defined, levels[1], method="higher")
        return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None
    low, high = np.quantile(defined, levels)
    return float(low), float(high)


def _difference(
    prefix: str, a: float | None, b: float | None, drawn: NDArray[Any], confidence: float
) -> dict[str, float | tuple[float, float] | None]:
    interval = _interval(drawn, confidence)
    if a is None or b is None or interval is None:
        return {f"{prefix}difference": None, f"{prefix}interval": None, f"{prefix}p_value": None}
    defined = drawn[~np.isnan(drawn)]
    tail = min(int(np.sum(defined <= _ROUNDING)), int(np.sum(defined >= -_ROUNDING))) + 1
    p_value = min(1.0, 2 * tail / (defined.size + 1))
    return {f"{prefix}difference": a - b, f"{prefix}interval": interval, f"{prefix}p_value": p_value}
