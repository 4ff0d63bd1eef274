"""The part of the ROC curve where few normal images are flagged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import check_labels, check_scores, count_above


def check_min_specificity(min_specificity: float) -> float:
    """Return ``min_specificity``, or raise a ``ValueError`` where no part of the curve is at or above it."""
    if not 0 <= min_specificity < 1:
        raise ValueError(f"min_specificity must lie in [0, 1), such as 0.9; got {min_specificity}")
    return float(min_specificity)


def standardise_partial_area(area: Any, max_false_positive_rate: float) -> Any:
    """McClish's scale: 0.5 is the diagonal's area, 1 the greatest that there can be."""
    least, most = max_false_positive_rate**2 / 2, max_false_positive_rate
    return (1 + (area - least) / (most - least)) / 2


def compute_partial_auroc(
    scores: ArrayLike, labels: ArrayLike, min_specificity: float = 0.9, names: Sequence[str] | None = None
) -> float | None:
    """Standardised partial AUROC: the mean sensitivity over specificities from ``min_specificity`` to 1, rescaled.

    Source: McClish, "Analyzing a portion of the ROC curve", Medical Decision Making 9, 1989, section "Standardization":
    (1 + (A - min) / (max - min)) / 2 with max = 1 - min_specificity and min = max^2 / 2, as scikit-learn's
    ``roc_auc_score(max_fpr=1 - min_specificity)``. The curve is linear between its points, so that a tie counts half.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal; never clamped.
        labels: (n,), 0 normal and 1 abnormal, as bool, int or float.
        min_specificity: the least specificity of interest, in [0, 1); at 0 this is the AUROC itself.
        names: what an error calls the images, (n,); their indices by default.

    Returns:
        1 for a perfect score, 0.5 for chance, less for worse; None where a class is absent.

    Raises:
        ValueError: a score is not finite, a label is neither 0 nor 1, the lengths differ, or min_specificity is out of
            range.

    Example:
        >>> compute_partial_auroc([1, 2, 3, 4], [0, 1, 0, 1], min_specificity=0.5)  # area 1/4 of 1/8 to 1/2
        0.6666666666666666
    """
    width = 1 - check_min_specificity(min_specificity)
    values = check_scores(scores, names)
    true_positives, false_positives = count_above(values, check_labels(labels, len(values), names))
    if true_positives[-1] == 0 or false_positives[-1] == 0:
        return None
    sensitivity, false_positive_rate = true_positives / true_positives[-1], false_positives / false_positives[-1]
    inside = int(np.searchsorted(false_positive_rate, width, side="right"))
    x = np.append(false_positive_rate[:inside], width)
    y = np.append(sensitivity[:inside], np.interp(width, false_positive_rate, sensitivity))
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)
    return float(standardise_partial_area(area, width))
