"""Pointwise bands of the ROC and the precision-recall curve, by resampling patients.

One pass over the draws gives both. Images of one step (tied scores) and class are added up before anything else, and a
very long ranking is cut into a few thousand steps of equally many images: a band is drawn, and no picture shows more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import check_labels, check_scores
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.resampling import check_settings, draw_weights

_GRID = np.arange(201) / 200  # quotients, so that 14 / 200 equals the 7 of 100 normals
_MAX_STEPS = 4096
_MAX_ELEMENTS = 2 * 10**8  # images times draws, about 4 s
_MIN_DRAWS = 200


@dataclass(frozen=True)
class CurveBand:
    """A curve and its pointwise interval over a grid of the other axis.

    Args:
        grid: (k,), 1 - specificity or recall, in [0, 1].
        curve: (k,), sensitivity or precision of all images.
        low: (k,), lower bound of the interval at each point of the grid.
        high: (k,), upper bound.
        confidence: coverage of the interval at one point; the whole curve lies inside less often.
        n_draws: number of bootstrap draws behind it.
    """

    grid: NDArray[np.float64]
    curve: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    confidence: float
    n_draws: int


def compute_curve_bands(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[CurveBand, CurveBand] | None:
    """Pointwise percentile bands of sensitivity over 1 - specificity, and of precision over recall.

    Source: Macskassy, Provost and Rosset, "ROC confidence bands: an empirical evaluation", ICML 2005 (vertical
    averaging: at a fixed 1 - specificity, the interval of the sensitivities of the bootstrap's curves). Patients are
    drawn as for :func:`bootstrap_metrics`. Tied scores form one oblique step of the ROC curve. Precision at a recall is
    that of the highest threshold which reaches it, as in the average precision.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        n_draws: number of bootstrap draws; of more than 100,000 images fewer are drawn, 200 at the least.
        seed: of the draws.
        confidence: coverage of the interval at each point, in (0, 1).

    Returns:
        The band of the ROC curve and that of the precision-recall curve, or None where a class is absent.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws or confidence is out of range.

    Example:
        >>> roc, _ = compute_curve_bands([1, 2, 3, 4], [0, 1, 0, 1], patient_ids=list("abcd"))
        >>> float(roc.curve[0]), float(roc.low[0]), float(roc.high[0])
        (0.5, 0.0, 1.0)
    """
    check_settings(n_draws, confidence)
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    patients = patient_index(patient_ids, len(values))
    if abnormal.all() or not abnormal.any():
        return None
    n_draws = min(n_draws, max(_MIN_DRAWS, _MAX_ELEMENTS // len(values)))
    steps = _Steps(values, abnormal, patients)
    draws = draw_weights(abnormal, patients, n_draws, seed)
    drawn = np.stack([_both_curves(*counts) for weights in draws for counts in steps(weights)])
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.nanquantile(drawn, levels, axis=0)
    curves = _both_curves(*next(steps(np.ones((1, int(patients.max()) + 1)))))
    roc, precision_recall = (CurveBand(_GRID, curves[i], low[i], high[i], confidence, n_draws) for i in (0, 1))
    return roc, precision_recall


class _Steps:
    """True and false positives at each step of a ranking, from the highest score, under patient weightings."""

    def __init__(self, scores: NDArray[Any], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]) -> None:
        step = np.unique(-scores, return_inverse=True)[1]
        if step.max() >= _MAX_STEPS:
            first = np.searchsorted(np.sort(step), step)  # images before the step: ties stay together
            step = np.unique(first * _MAX_STEPS // len(scores), return_inverse=True)[1]
        part = 2 * step + abnormal
        order = np.argsort(part, kind="stable")
        self._patients = patients[order]
        parts, self._starts = np.unique(part[order], return_index=True)
        self._parts, self._n_steps = parts, int(step.max()) + 1

    def __call__(self, weights: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """``weights`` (draws, patients): each draw's true and false positives, (steps + 1,), beginning with 0."""
        sums = np.add.reduceat(weights.take(self._patients, axis=1), self._starts, axis=1)
        counts = np.zeros((len(weights), 2 * self._n_steps))
        counts[:, self._parts] = sums
        totals = np.zeros((len(weights), 2, self._n_steps + 1))
        np.cumsum(counts.reshape(len(weights), self._n_steps, 2).swapaxes(1, 2), axis=2, out=totals[:, :, 1:])
        for false_positives, true_positives in totals:
            yield true_positives, false_positives


def _both_curves(true_positives: NDArray[Any], false_positives: NDArray[Any]) -> NDArray[np.float64]:
    """Sensitivity over 1 - specificity and precision over recall, (2, grid); NaN where a class was not drawn."""
    if not (true_positives[-1] and false_positives[-1]):
        return np.full((2, len(_GRID)), np.nan)
    recall = true_positives / true_positives[-1]
    sensitivity = np.interp(_GRID, false_positives / false_positives[-1], recall)
    reached = np.maximum(np.searchsorted(recall, _GRID, side="left"), np.searchsorted(recall, 0, side="right"))
    precision = true_positives[reached] / (true_positives[reached] + false_positives[reached])
    return np.stack([sensitivity, precision])
