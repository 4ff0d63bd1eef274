"""All image-level figures of merit with their intervals, in the form in which ``metrics.json`` holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import (
    check_labels,
    check_scores,
    compute_auroc,
    compute_average_precision,
    compute_threshold_metrics,
)
from imgae_monai.metrics.bootstrap import bootstrap_metrics
from imgae_monai.metrics.linearised import linearised_metrics
from imgae_monai.metrics.partial_auroc import compute_partial_auroc
from imgae_monai.metrics.patients import count_patients, patient_index
from imgae_monai.metrics.resampling import agreeing_interval, has_no_width

MAX_RESAMPLED = 4 * 10**8  # images x draws: about ten seconds on one core, at 12 to 30 ns each


def metrics_with_intervals(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float,
    n_draws: int = 10000,
    seed: int = 0,
    min_specificity: float = 0.9,
    names: Sequence[str] | None = None,
    max_resampled: int = MAX_RESAMPLED,
) -> dict[str, Any]:
    """Every image-level figure with its 95 % interval over patients.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        threshold: abnormal where score > threshold, in the unit of the scores.
        n_draws: number of bootstrap draws.
        seed: of the draws.
        min_specificity: of the partial AUROC, in [0, 1).
        names: what an error calls the images, (n,); their indices by default.
        max_resampled: most images x draws that are resampled; beyond it the intervals are linearised ones.

    Returns:
        ``auroc``, ``average_precision``, ``partial_auroc``, ``partial_auroc_min_specificity`` and what
        :py:func:`imgae_monai.metrics.compute_threshold_metrics` gives; of each figure but the counts ``{name}_ci95``,
        (low, high) or None; and ``interval_method``, "bootstrap" (:py:func:`imgae_monai.metrics.bootstrap_metrics`) or
        "linearised" (:py:func:`imgae_monai.metrics.linearised_metrics`). A share of 0 or 1 has the exact interval of
        Clopper and Pearson (Biometrika 26, 1934) over its patients, and an AUROC of 0 or 1 that over pairs of an
        abnormal and a normal image of patients of their own. An interval that would have no width, or rest on a class
        of one patient, is None.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws or min_specificity is out of range.

    Example:
        >>> found = metrics_with_intervals([1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1], list("abcdef"), 3.5, n_draws=100)
        >>> round(found["accuracy"], 3), found["auroc_ci95"][1], found["interval_method"]
        (0.667, 1.0, 'bootstrap')
    """
    values = check_scores(scores, names)
    abnormal = check_labels(labels, len(values), names)
    patients = patient_index(patient_ids, len(values))
    order = np.argsort(-values, kind="stable")  # what is sorted is sorted again in no time by all that follow
    values, abnormal, patients = values[order], abnormal[order], patients[order]
    figures: dict[str, Any] = {
        "auroc": compute_auroc(values, abnormal),
        "average_precision": compute_average_precision(values, abnormal),
        "partial_auroc": compute_partial_auroc(values, abnormal, min_specificity),
        "partial_auroc_min_specificity": min_specificity,
        **compute_threshold_metrics(values, abnormal, threshold),
    }
    few = len(values) * n_draws <= max_resampled
    if few:
        intervals = bootstrap_metrics(
            values, abnormal, patients, threshold, n_draws=n_draws, seed=seed, min_specificity=min_specificity
        )
    else:
        intervals = linearised_metrics(values, abnormal, patients, threshold, min_specificity=min_specificity)
    intervals = _without_certainty(intervals, abnormal, patients)
    intervals |= _of_agreeing_patients(figures, values > threshold, abnormal, patients)
    figures |= {f"{name}_ci95": interval for name, interval in intervals.items()}
    return figures | {"interval_method": "bootstrap" if few else "linearised"}


def _without_certainty(
    intervals: dict[str, tuple[float, float] | None], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]
) -> dict[str, tuple[float, float] | None]:
    """None for intervals of no width, and for those of figures that rest on a class of one patient."""
    of_normal, of_abnormal = (count_patients(patients, rows) == 1 for rows in (~abnormal, abnormal))
    rest_on_one = {"sensitivity": of_abnormal, "specificity": of_normal, "accuracy": patients.max(initial=0) == 0}
    return {
        name: None
        if interval is None or has_no_width(interval) or rest_on_one.get(name, of_normal or of_abnormal)
        else interval
        for name, interval in intervals.items()
    }


def _of_agreeing_patients(
    figures: dict[str, Any], flagged: NDArray[np.bool_], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]
) -> dict[str, tuple[float, float] | None]:
    """Exact intervals of shares that are 0 or 1: a draw never differs, but patients not seen might."""
    wholes = {"sensitivity": abnormal, "specificity": ~abnormal, "precision": flagged}
    wholes["accuracy"] = np.ones(len(abnormal), dtype=bool)
    of = {name: count_patients(patients, rows) for name, rows in wholes.items()}
    # so many pairs of an abnormal and a normal image, each of patients of its own, were all ranked alike
    of["auroc"] = min(of["sensitivity"], of["specificity"], of["accuracy"] // 2)
    return {name: agreeing_interval(figures[name], n) for name, n in of.items() if figures[name] in (0, 1) and n}
