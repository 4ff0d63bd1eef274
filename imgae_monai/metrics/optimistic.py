"""Thresholds chosen on the very labels that they are judged by: the best that a threshold could have done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import check_labels, check_scores, compute_threshold_metrics, count_above

OPTIMISTIC_NOTE = "optimistic, uses test labels"


def optimistic_thresholds(
    scores: ArrayLike, labels: ArrayLike, names: Sequence[str] | None = None
) -> dict[str, Any] | None:
    """Figures at the thresholds that are best on these labels: no such threshold is known before the labels are.

    They say how much of a poor sensitivity or specificity is the threshold's fault and how much the score's, and are
    the figures that much of the literature reports. Source: Youden, "Index for rating diagnostic tests", Cancer 3, 1950
    (sensitivity + specificity - 1); Lipton et al., "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML
    PKDD 2014, section 5, on how far the greatest F1 flatters.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        ``note`` (which belongs beside every one of the figures), and for ``youden`` and ``f1_max`` the ``threshold``
        (abnormal where score > threshold; of equally good ones the highest) with what
        :py:func:`imgae_monai.metrics.compute_threshold_metrics` gives. None where a class is absent.

    Raises:
        ValueError: a score is not finite, a label is neither 0 nor 1, or the lengths differ.

    Example:
        >>> best = optimistic_thresholds([1, 2, 3, 4, 5], [0, 1, 0, 0, 1])
        >>> [(round(best[name]["threshold"], 6), best[name]["sensitivity"]) for name in ("youden", "f1_max")]
        [(5.0, 0.5), (5.0, 0.5)]
    """
    values = check_scores(scores, names)
    abnormal = check_labels(labels, len(values), names)
    true_positives, false_positives = count_above(values, abnormal)
    n_abnormal, n_normal = int(true_positives[-1]), int(false_positives[-1])
    if n_abnormal == 0 or n_normal == 0:
        return None
    # in whole numbers, so that equally good thresholds are exactly equal
    youden = true_positives * n_normal - false_positives * n_abnormal
    f1 = 2 * true_positives / (true_positives + false_positives + n_abnormal)
    steps = np.unique(values)[::-1]
    found: dict[str, Any] = {"note": OPTIMISTIC_NOTE}
    for name, quality in (("youden", youden), ("f1_max", f1)):
        lowest_flagged = steps[int(np.argmax(quality[1:]))]
        threshold = float(np.nextafter(lowest_flagged, -np.inf))  # a score is flagged above it, not at it
        found[name] = {"threshold": threshold, **compute_threshold_metrics(values, abnormal, threshold)}
    return found
