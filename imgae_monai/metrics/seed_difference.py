"""Two models that were trained with several seeds each: is one better beyond chance of training and of patients?"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from scipy.stats import ttest_ind

from imgae_monai.metrics.binary import check_confidence, check_labels, compute_auroc
from imgae_monai.metrics.delong import delong_covariance
from imgae_monai.metrics.patients import patient_index


def seed_difference(
    scores_a: Sequence[ArrayLike],
    scores_b: Sequence[ArrayLike],
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Difference of two models' AUROCs averaged over seeds, A minus B, with both sources of chance.

    Two questions, two answers. Welch's t test of the seeds' AUROCs takes the images as given: would other seeds change
    the order on these images? The interval also covers other patients: with c the weights 1 / n_a and -1 / n_b and S
    the DeLong covariance of all AUROCs (by patient), its variance is c' S c + s_a^2 / n_a + s_b^2 / n_b, s the spread
    of the seeds' AUROCs, on a t distribution with the degrees of freedom of Satterthwaite ("An approximate distribution
    of estimates of variance components", Biometrics Bulletin 2, 1946; patients count less one in the smaller class).
    What a seed does to single patients is in both terms, so that the interval is rather too wide than too narrow. The
    idea is that of Obuchowski and Rockette, "Hypothesis testing of diagnostic accuracy for multiple readers and
    multiple tests", Communications in Statistics 24, 1995, with seeds as readers, each of one model.

    Args:
        scores_a: raw anomaly scores of model A, one row a seed, (n_a, n).
        scores_b: of model B, (n_b, n), on the same images in the same order.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``difference`` (of the means), ``standard_error``, ``degrees_of_freedom``, ``interval``, ``p_value``, the parts
        of the variance ``patient_variance`` and ``seed_variance``, and ``welch`` with ``t``, ``degrees_of_freedom`` and
        ``p_value``. All None but ``difference`` where a model has one seed (its spread is not known) or a class has
        fewer than two patients; all None where a class is absent; ``welch`` None where the seeds of both models agree
        to the bit.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence is out of range.

    Example:
        >>> labels = [0, 0, 0, 1, 1, 1]
        >>> a, b = [[1, 2, 4, 3, 5, 6], [1, 2, 3, 4, 5, 6]], [[4, 2, 3, 1, 5, 6], [1, 5, 3, 4, 2, 6]]
        >>> found = seed_difference(a, b, labels, list("abcdef"))
        >>> round(found["difference"], 3), round(found["seed_variance"], 4)
        (0.278, 0.0031)
    """
    check_confidence(confidence)
    n = np.shape(labels)[0] if np.ndim(labels) == 1 else 0
    abnormal, patients = check_labels(labels, n), patient_index(patient_ids, n)
    names = ("difference", "standard_error", "degrees_of_freedom", "interval", "p_value")
    result: dict[str, Any] = dict.fromkeys((*names, "patient_variance", "seed_variance", "welch"))
    of_a, of_b = ([compute_auroc(scores, abnormal) for scores in model] for model in (scores_a, scores_b))
    if None in (*of_a, *of_b) or not of_a or not of_b:
        return result
    a, b = np.array(of_a, dtype=float), np.array(of_b, dtype=float)
    result["difference"] = difference = float(a.mean() - b.mean())
    covariance = delong_covariance([*scores_a, *scores_b], abnormal, patients)
    if covariance is None or min(len(a), len(b)) < 2:
        return result
    contrast = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))])
    from_patients = max(float(contrast @ covariance @ contrast), 0.0)
    from_seeds = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    fewest = min(len(np.unique(patients[rows])) for rows in (abnormal, ~abnormal))
    parts = [(from_patients, fewest - 1), *((v, len(x) - 1) for v, x in zip(from_seeds, (a, b), strict=True))]
    variance = sum(v for v, _ in parts)
    result |= {"patient_variance": from_patients, "seed_variance": sum(from_seeds), "welch": _welch(a, b)}
    if not variance > 0:
        return result
    df = variance**2 / sum(v**2 / of for v, of in parts)
    error = math.sqrt(variance)
    half = float(student.isf((1 - confidence) / 2, df)) * error
    return result | {
        "standard_error": error,
        "degrees_of_freedom": df,
        "interval": (difference - half, difference + half),
        "p_value": float(2 * student.sf(abs(difference) / error, df)),
    }


def _welch(a: NDArray[Any], b: NDArray[Any]) -> dict[str, float] | None:
    if a.var() == 0 and b.var() == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that one model's seeds agree is no fault
        found = ttest_ind(a, b, equal_var=False)
    return {"t": float(found.statistic), "degrees_of_freedom": float(found.df), "p_value": float(found.pvalue)}
