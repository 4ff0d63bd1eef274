"""Do two models decide differently on the same images?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from imgae_monai.metrics.binary import check_labels


def mcnemar_test(decisions_a: ArrayLike, decisions_b: ArrayLike, labels: ArrayLike) -> dict[str, Any]:
    """Exact McNemar test of whether two models are right equally often, on the images where only one of them is.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947; exact form: of the discordant images, those where only A is right are binomial with 1/2,
    two-sided (R's ``binom.test``; Agresti, "Categorical Data Analysis", 2002, section 10.1). Images are taken as
    independent: where a patient has several that resemble each other, the p value is too small, and one decision a
    patient should be given. Accuracy depends on the share of abnormal images; give only abnormal or only normal
    ones to compare sensitivity or specificity.

    Args:
        decisions_a: of model A, (n,), 1 where it calls the image abnormal and 0 otherwise, as bool, int or float.
        decisions_b: of model B on the same images in the same order.
        labels: (n,), 0 normal and 1 abnormal.

    Returns:
        ``only_a_right`` and ``only_b_right`` (the discordant counts), ``both_right``, ``both_wrong``, ``difference``
        (of the accuracies, A minus B; None without an image) and ``p_value`` (1 where no image is discordant; None
        without an image).

    Raises:
        ValueError: decisions or labels are not 0 or 1, or the lengths differ.

    Example:
        >>> mcnemar_test([0, 1, 1, 1], [0, 0, 0, 0], labels=[0, 1, 1, 1])["p_value"]  # 2 x 1/2^3
        0.25
    """
    n = np.shape(labels)[0] if np.ndim(labels) == 1 else 0
    abnormal = check_labels(labels, n)
    right_a = check_labels(decisions_a, n, argument="decisions_a") == abnormal
    right_b = check_labels(decisions_b, n, argument="decisions_b") == abnormal
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {
        "only_a_right": only_a,
        "only_b_right": only_b,
        "both_right": int(np.sum(right_a & right_b)),
        "both_wrong": int(np.sum(~right_a & ~right_b)),
        "difference": (only_a - only_b) / n if n else None,
        "p_value": p_value if n else None,
    }
