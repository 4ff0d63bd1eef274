"""Ranking metrics of one score under many patient weightings: sorted once, and re-weighed by every draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.metrics.partial_auroc import standardise_partial_area
from imgae_monai.metrics.resampling import divide


class WeightedRanking:
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
            "auroc": divide(twice_won, 2 * n_positive * n_negative),
            "average_precision": np.where(both, divide(precision, n_positive), np.nan),
        }
        if min_specificity is not None:
            width = 1 - min_specificity
            area = divide(self._area(below_positive, below_negative, width), n_positive * n_negative)
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


def _cumulate(weights: NDArray[Any]) -> NDArray[Any]:
    """Running totals along a row, with a leading 0: element k is the weight of the first k columns."""
    totals = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=totals[:, 1:])
    return totals
