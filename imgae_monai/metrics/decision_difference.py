"""Do two models decide differently, where a patient may have several images?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from imgae_monai.metrics.binary import check_confidence, check_labels
from imgae_monai.metrics.effect_sizes import cohen_h
from imgae_monai.metrics.mcnemar import mcnemar_test
from imgae_monai.metrics.patients import patient_index

EXACT = "exact McNemar"
CLUSTERED = "Obuchowski 1998, by patient"


def decision_difference(
    decisions_a: ArrayLike,
    decisions_b: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    of: str = "accuracy",
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Paired comparison of the share of images that two models decide rightly on, A minus B.

    Source: where each patient has one image, the exact test of McNemar (:func:`imgae_monai.metrics.mcnemar_test`);
    where a patient has several, Obuchowski, "On the comparison of correlated proportions for clustered data",
    Statistics in Medicine 17, 1998: with d_k the images of patient k on which only A is right less those on which only
    B is, chi2 = (K - 1) / K (sum d_k)^2 / sum d_k^2 of one degree of freedom. The interval is the difference +- z SE,
    with the variance of a ratio over patients, K / (K - 1) sum (d_k - n_k difference)^2 / n^2 (the same source); with
    few discordant images it is rough, and the test is to be read first.

    Args:
        decisions_a: of model A, (n,), 1 where it calls the image abnormal and 0 otherwise.
        decisions_b: of model B on the same images in the same order.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        of: ``sensitivity`` (the abnormal images), ``specificity`` (the normal ones) or ``accuracy`` (all).
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``a`` and ``b`` (the shares), ``difference``, ``interval``, ``p_value``, ``cohen_h``, ``only_a_right``,
        ``only_b_right``, ``n_images``, ``n_patients`` and ``method``. All None but the counts where there is no image;
        interval None with fewer than two patients or no spread, and so is p where patients have several images.

    Raises:
        ValueError: decisions, labels or patient_ids are malformed, or ``of`` or confidence is no such thing.

    Example:
        >>> found = decision_difference([0, 1, 1, 1], [0, 0, 0, 0], [0, 1, 1, 1], list("abcd"), of="sensitivity")
        >>> found["difference"], found["p_value"], found["method"]
        (1.0, 0.25, 'exact McNemar')
    """
    check_confidence(confidence)
    if of not in ("sensitivity", "specificity", "accuracy"):
        raise ValueError(f"of must be sensitivity, specificity or accuracy; got {of!r}")
    n = np.shape(labels)[0] if np.ndim(labels) == 1 else 0
    abnormal = check_labels(labels, n)
    flagged_a = check_labels(decisions_a, n, argument="decisions_a")
    flagged_b = check_labels(decisions_b, n, argument="decisions_b")
    patients = patient_index(patient_ids, n)
    rows = np.ones(n, dtype=bool) if of == "accuracy" else abnormal if of == "sensitivity" else ~abnormal
    counted = mcnemar_test(flagged_a[rows], flagged_b[rows], abnormal[rows])
    ours, images = np.unique(patients[rows], return_inverse=True)
    n_images, n_patients = int(rows.sum()), len(ours)
    right_a, right_b = ((flagged == abnormal)[rows] for flagged in (flagged_a, flagged_b))
    a, b = (float(right.mean()) if n_images else None for right in (right_a, right_b))
    d = np.bincount(images, weights=right_a.astype(float) - right_b, minlength=n_patients)
    several = n_patients < n_images
    difference = counted["difference"]
    return {
        "a": a,
        "b": b,
        "difference": difference,
        "interval": _interval(d, np.bincount(images, minlength=n_patients), difference, confidence),
        "p_value": _clustered_p(d) if several else counted["p_value"],
        "cohen_h": cohen_h(a, b),
        "only_a_right": counted["only_a_right"],
        "only_b_right": counted["only_b_right"],
        "n_images": n_images,
        "n_patients": n_patients,
        "method": CLUSTERED if several else EXACT,
    }


def _clustered_p(d: NDArray[Any]) -> float | None:
    k, squares = len(d), float(np.sum(d**2))
    if k < 2:
        return None
    return float(chi2.sf((k - 1) / k * float(d.sum()) ** 2 / squares, df=1)) if squares else 1.0


def _interval(
    d: NDArray[Any], sizes: NDArray[Any], difference: float | None, confidence: float
) -> tuple[float, float] | None:
    k = len(d)
    if difference is None or k < 2:
        return None
    error = math.sqrt(k / (k - 1) * float(np.sum((d - sizes * difference) ** 2))) / float(sizes.sum())
    if not error > 0:
        return None
    half = float(norm.isf((1 - confidence) / 2)) * error
    return max(difference - half, -1.0), min(difference + half, 1.0)
