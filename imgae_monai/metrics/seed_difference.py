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
    names = ("difference", "standard_error", "degrees_of_freedom", "interval", "p_value")
    result: dict[str, Any] = dict.fromkeys((*names, "patient_variance", "seed_variance", "welch"))
    combined = _combine([scores_a, scores_b], [1.0, -1.0], labels, patient_ids, confidence)
    if combined is None:
        return result
    aurocs, found = combined
    result |= {"difference": found.pop("mean"), **found}
    if min(map(len, aurocs)) > 1 and found:
        result["welch"] = _welch(*aurocs)
    error, df = result["standard_error"], result["degrees_of_freedom"]
    if error is not None:
        result["p_value"] = float(2 * student.sf(abs(result["difference"]) / error, df))
    return result


def seed_mean(
    scores: Sequence[ArrayLike],
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    confidence: float = 0.95,
) -> dict[str, Any]:
    """A model's AUROC averaged over seeds, with both sources of chance; see :func:`seed_difference`.

    Args:
        scores: raw anomaly scores, one row a seed, (n_seeds, n).
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``values`` (of each seed), ``mean``, ``std`` (with n - 1; None for one seed), ``standard_error``,
        ``degrees_of_freedom`` and ``interval`` (cut at 0 and 1), which are None for one seed, or where a class has
        fewer than two patients; all None where a class is absent.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or confidence is out of range.

    Example:
        >>> found = seed_mean([[1, 2, 4, 3, 5, 6], [1, 2, 3, 4, 5, 6]], [0, 0, 0, 1, 1, 1], list("abcdef"))
        >>> round(found["mean"], 3), round(found["std"], 3)
        (0.944, 0.079)
    """
    result: dict[str, Any] = dict.fromkeys(
        ("values", "mean", "std", "standard_error", "degrees_of_freedom", "interval")
    )
    combined = _combine([scores], [1.0], labels, patient_ids, confidence)
    if combined is None:
        return result
    (values,), found = combined
    result |= {"values": values.tolist(), "std": float(values.std(ddof=1)) if len(values) > 1 else None}
    result |= {key: found[key] for key in result if key in found}
    if result["interval"] is not None:
        low, high = result["interval"]
        result["interval"] = max(low, 0.0), min(high, 1.0)
    return result


def _combine(
    models: Sequence[Sequence[ArrayLike]],
    signs: Sequence[float],
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    confidence: float,
) -> tuple[list[NDArray[Any]], dict[str, Any]] | None:
    """AUROCs of each model's seeds, and the signed sum of their means with its variance; None where it is undefined."""
    check_confidence(confidence)
    n = np.shape(labels)[0] if np.ndim(labels) == 1 else 0
    abnormal, patients = check_labels(labels, n), patient_index(patient_ids, n)
    found = [[compute_auroc(scores, abnormal) for scores in model] for model in models]
    if not all(model and None not in model for model in found):
        return None
    aurocs = [np.array(model, dtype=float) for model in found]
    mean = float(sum(sign * of.mean() for sign, of in zip(signs, aurocs, strict=True)))
    result: dict[str, Any] = {"mean": mean}
    covariance = delong_covariance([scores for model in models for scores in model], abnormal, patients)
    if covariance is None or min(map(len, aurocs)) < 2:
        return aurocs, result
    contrast = np.concatenate([np.full(len(of), sign / len(of)) for sign, of in zip(signs, aurocs, strict=True)])
    from_patients = max(float(contrast @ covariance @ contrast), 0.0)
    fewest = min(len(np.unique(patients[rows])) for rows in (abnormal, ~abnormal))
    from_seeds = [(float(of.var(ddof=1)) / len(of), len(of) - 1) for of in aurocs]
    result |= {"patient_variance": from_patients, "seed_variance": sum(v for v, _ in from_seeds)}
    parts = [(from_patients, fewest - 1), *from_seeds]
    variance = sum(v for v, _ in parts)
    if variance > 0:
        df = variance**2 / sum(v**2 / of for v, of in parts)
        half = float(student.isf((1 - confidence) / 2, df)) * math.sqrt(variance)
        result |= {"standard_error": math.sqrt(variance), "degrees_of_freedom": df}
        result["interval"] = mean - half, mean + half
    return aurocs, result


def _welch(a: NDArray[Any], b: NDArray[Any]) -> dict[str, float] | None:
    if np.ptp(a) == np.ptp(b) == 0:  # the variance of equal numbers is not always 0
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that one model's seeds agree is no fault
        found = ttest_ind(a, b, equal_var=False)
    return {"t": float(found.statistic), "degrees_of_freedom": float(found.df), "p_value": float(found.pvalue)}
