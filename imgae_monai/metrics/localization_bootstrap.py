"""Confidence intervals of localisation figures, and their paired difference between two models, by patients.

Pixels of an image are anything but independent, so the patient is what is drawn, as for the image-level metrics. Pixels
are counted once, by patient and level of score; a draw re-weighs these counts. The levels are the maps' distinct values
where these are few, and else quantiles, of pixels inside and outside of the truth alike: between two of them pixels
count as tied. What that does to the figure itself (most to average precision: less by 0.0004 for 1,000 maps of noise)
is known, and every draw is mended by it, so that no interval lies beside its figure for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.localization import (
    IMAGE_METRICS,
    PIXEL_METRICS,
    PRO_LIMIT,
    check_maps,
    component_weights,
    compute_localization,
    hit,
    overlap,
)
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.pixel_ranking import gained_area
from imgae_monai.metrics.resampling import check_settings, divide, draw_weights, paired_difference, percentile_interval

_N_LEVELS = 512  # quantiles inside of the truth, and as many outside
_N_SAMPLED = 2**20  # pixels that they are taken from
_ROWS = 128  # draws at a time: a temporary of 1 MB, however few patients there are


def bootstrap_localization(
    maps: Sequence[ArrayLike],
    masks: Sequence[ArrayLike],
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float,
    pro_limit: float = PRO_LIMIT,
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float] | None]:
    """Percentile intervals of :py:func:`compute_localization`, with patients as the unit of resampling.

    Patients with and without a region are drawn separately, as abnormal and normal ones are in
    :py:func:`imgae_monai.metrics.bootstrap_metrics`, whose caveats hold here too. The best Dice is sought anew in every
    draw, so that its interval is as optimistic as it is.

    Args:
        maps: as there.
        masks: as there.
        patient_ids: one a map, strings or integers; none may be missing.
        threshold: as there; held fixed over the draws.
        pro_limit: as there.
        n_draws: number of bootstrap draws.
        seed: of the draws.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        (low, high) of each of the six figures, or None where it is undefined.

    Raises:
        ValueError: as there, or patient_ids, n_draws or confidence are malformed.
    """
    check_settings(n_draws, confidence)
    values, truths = check_maps(maps, masks)
    patients = patient_index(patient_ids, len(values))
    counts = _PatientCounts(values, truths, patients, threshold, pro_limit)
    regions = np.asarray([truth.any() for truth in truths], dtype=bool)
    chunks = [counts(weights) for weights in draw_weights(regions, patients, n_draws, seed)]
    return {
        name: percentile_interval(np.concatenate([chunk[name] for chunk in chunks]), confidence)
        for name in (*PIXEL_METRICS, *IMAGE_METRICS)
    }


def bootstrap_localization_difference(
    maps_a: Sequence[ArrayLike],
    maps_b: Sequence[ArrayLike],
    masks: Sequence[ArrayLike],
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold_a: float,
    threshold_b: float,
    pro_limit: float = PRO_LIMIT,
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, float | tuple[float, float] | None]:
    """By how much one model's maps say where better than another's (or the centre prior's), paired by patient.

    Args:
        maps_a: of the first model, as :py:func:`compute_localization`.
        maps_b: of the second one, of the same images.
        masks: of both.
        patient_ids: one an image, strings or integers; none may be missing.
        threshold_a: of a pixel, in the unit of the first maps.
        threshold_b: in that of the second.
        pro_limit: as there.
        n_draws: number of bootstrap draws, the same for both.
        seed: of the draws.
        confidence: coverage of the intervals, in (0, 1).

    Returns:
        for each of the six figures, under ``{figure}_difference``, ``{figure}_interval`` and ``{figure}_p_value``, the
        first minus the second, its percentile interval, and twice the smaller share of draws on either side of 0 (at
        least 2 / (n_draws + 1)); None where undefined. Beside them each model's own interval by the same draws, under
        ``{figure}_interval_a`` and ``{figure}_interval_b``.

    Raises:
        ValueError: as :py:func:`bootstrap_localization`.
    """
    check_settings(n_draws, confidence)
    patients = patient_index(patient_ids, len(masks))
    counts = []
    regions = np.empty(0, dtype=bool)
    for maps, threshold in ((maps_a, threshold_a), (maps_b, threshold_b)):
        values, truths = check_maps(maps, masks)
        regions = np.asarray([truth.any() for truth in truths], dtype=bool)
        counts.append(_PatientCounts(values, truths, patients, threshold, pro_limit))
    chunks = [[count(w) for count in counts] for w in draw_weights(regions, patients, n_draws, seed)]
    result: dict[str, float | tuple[float, float] | None] = {}
    for name in (*PIXEL_METRICS, *IMAGE_METRICS):
        a, b = (np.concatenate([chunk[side][name] for chunk in chunks]) for side in (0, 1))
        result |= paired_difference(f"{name}_", counts[0].figures[name], counts[1].figures[name], a - b, confidence)
        result |= {f"{name}_interval_{side}": percentile_interval(x, confidence) for side, x in (("a", a), ("b", b))}
    return result


class _PatientCounts:
    """The figures of one model's maps under many patient weightings."""

    def __init__(
        self,
        values: list[NDArray[Any]],
        truths: list[NDArray[np.bool_]],
        patients: NDArray[np.intp],
        threshold: float,
        limit: float,
    ) -> None:
        self.figures = compute_localization(values, truths, threshold, pro_limit=limit)
        self._limit = limit
        levels = _levels(values, truths)
        size = (int(patients.max(initial=-1)) + 1, levels.size + 1)
        self._inside, self._outside, self._found = np.zeros(size), np.zeros(size), np.zeros(size)
        self._images = np.zeros((size[0], 3))
        for value, truth, patient in zip(values, truths, patients, strict=True):
            ranks = np.searchsorted(levels, value)  # rank k: over level k - 1, at most level k
            inside = ranks[truth]
            self._inside[patient] += np.bincount(inside, minlength=size[1])
            self._outside[patient] += np.bincount(ranks[~truth], minlength=size[1])
            if inside.size:
                self._found[patient] += np.bincount(inside, weights=component_weights(truth), minlength=size[1])
                self._images[patient] += (1, hit(value, truth), overlap(value, truth, threshold))
        as_counted = self._count(np.ones((1, size[0])))
        self._mend = {name: (self.figures[name] or 0) - float(as_counted[name][0]) for name in as_counted}

    def __call__(self, weights: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """``weights`` (draws, patients) to each figure (draws,); NaN where undefined."""
        rows = range(0, len(weights), _ROWS)
        counted = [self._count(weights[start : start + _ROWS]) for start in rows]
        return {name: np.concatenate([part[name] for part in counted]) + mend for name, mend in self._mend.items()}

    def _count(self, weights: NDArray[Any]) -> dict[str, NDArray[Any]]:
        inside, outside, found = (weights @ counts for counts in (self._inside, self._outside, self._found))
        inside_from, outside_from = _from_the_top(inside), _from_the_top(outside)
        n_inside, n_outside = inside_from[:, :1], outside_from[:, :1]
        gained = [
            gained_area(divide(outside_from - outside, n), divide(outside_from, n), limit)
            for n, limit in ((np.broadcast_to(n_outside, outside.shape), limit) for limit in (1.0, self._limit))
        ]
        flagged = inside_from + outside_from
        precision = np.divide(inside_from, flagged, out=np.zeros(flagged.shape), where=flagged > 0)
        n_inside, n_found = n_inside[:, 0], found.sum(axis=1)
        n_images, hits, overlaps = (weights @ self._images).T
        figures = {
            "pixel_auroc": divide(np.sum(gained[0] * inside, axis=1), n_inside),
            "pixel_average_precision": divide(np.sum(precision * inside, axis=1), n_inside),
            "aupro": divide(np.sum(gained[1] * found, axis=1), n_found * self._limit),
            "best_dice_optimistic": np.max(2 * inside_from / np.maximum(flagged + n_inside[:, None], 1), axis=1),
        }
        defined = (n_inside > 0) & (n_outside[:, 0] > 0)
        pixels = {name: np.where(defined, drawn, np.nan) for name, drawn in figures.items()}
        return pixels | {"pointing_game": divide(hits, n_images), "iou": divide(overlaps, n_images)}


def _levels(values: list[NDArray[Any]], truths: list[NDArray[np.bool_]]) -> NDArray[Any]:
    """Ascending scores between which pixels are told apart."""
    pools = [_sample(values, truths), _sample(values, [~truth for truth in truths])]
    distinct = np.unique(np.concatenate(pools))
    if distinct.size <= 2 * _N_LEVELS:
        return distinct
    shares = np.linspace(0, 1, _N_LEVELS)
    return np.unique(np.concatenate([np.quantile(p, shares, method="lower") for p in pools if p.size]))


def _sample(values: list[NDArray[Any]], where: list[NDArray[np.bool_]]) -> NDArray[Any]:
    """Every k-th of these pixels, in the images' order."""
    step = max(1, -(-sum(int(w.sum()) for w in where) // _N_SAMPLED))
    parts = [value[w][::step] for value, w in zip(values, where, strict=True)]
    return np.concatenate(parts) if parts else np.empty(0)


def _from_the_top(counts: NDArray[Any]) -> NDArray[Any]:
    return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
