"""The same figures for parts of the images: by view, sex, age and finding.

A model that serves all patients on average may fail some of them, and a figure over two views at once can come from
telling the views apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import check_labels, check_scores
from imgae_monai.metrics.intervals import MAX_RESAMPLED, metrics_with_intervals
from imgae_monai.metrics.patients import count_patients, patient_index

SUBGROUP_COLUMNS = ("view", "sex", "age", "finding")
AGE_BANDS = {"0-17": (0, 18), "18-39": (18, 40), "40-64": (40, 65), "65 and over": (65, 121)}  # years: from, below
MIN_PATIENTS = 10  # of a class: a percentile interval from a handful of patients is too narrow
MIN_DRAWS = 1000  # fewer would leave too few beyond a bound of a 95 % interval
_FIGURES = {
    "auroc": ("n_normal", "n_abnormal"),
    "average_precision": ("n_normal", "n_abnormal"),
    "sensitivity": ("n_abnormal",),
    "specificity": ("n_normal",),
    "f1": ("n_normal", "n_abnormal"),
}


def subgroup_metrics(
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float,
    columns: Mapping[str, Sequence[str]],
    n_draws: int = 10000,
    seed: int = 0,
    max_resampled: int = MAX_RESAMPLED,
) -> list[dict[str, Any]]:
    """Figures with 95 % intervals of each view, sex, age band and finding; the threshold is that of all images.

    A finding's group are the abnormal images that have it, against all normal ones; several findings of one image count
    for each. The intervals are not corrected for the number of groups: with twenty of them, one is expected to miss.

    Args:
        scores: raw anomaly scores (n,), any unit, higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        patient_ids: (n,), strings or integers; none may be missing.
        threshold: abnormal where score > threshold, in the unit of the scores.
        columns: of each image ``view``, ``sex``, ``age`` (years) and ``finding`` (several joined by ``|``), any of
            them, as texts (n,); "" where it is unknown, which is in no group, as is an age above 120 or that is no
            number. Case does not matter.
        n_draws: number of bootstrap draws of a group.
        seed: of the draws.
        max_resampled: most images x draws of all groups together; each has an equal share of it, for which it is drawn
            less often, and where that would be below 1,000 times, its intervals are linearised ones.

    Returns:
        of each group with an image ``group`` ("view", "sex", "age", "finding"), ``value``, ``n_normal``,
        ``n_abnormal``, ``n_patients``, ``auroc``, ``average_precision``, ``sensitivity``, ``specificity``, ``f1``, of
        each figure ``{name}_ci95``, ``interval_method``, and ``n_bootstrap`` (draws, None where linearised). What is
        undefined is None, and so is an interval where a class that the figure needs has fewer than ten patients.

    Raises:
        ValueError: scores, labels, patient_ids or columns are malformed.

    Example:
        >>> views = ["PA", "PA", "AP", "AP"]
        >>> [(g["value"], g["auroc"]) for g in subgroup_metrics([1, 2, 3, 3], [0, 1, 0, 1], "abcd", 2, {"view": views})]
        [('AP', 0.5), ('PA', 1.0)]
    """
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    patients = patient_index(patient_ids, len(values))
    groups = [
        (column, value, rows)
        for column in SUBGROUP_COLUMNS
        if column in columns
        for value, rows in _groups(column, columns[column], abnormal)
    ]
    order = np.argsort(-values, kind="stable")  # once for all groups
    share = max_resampled // max(1, len(groups))
    found = []
    for column, value, rows in groups:
        chosen = order[rows[order]]
        part = values[chosen], abnormal[chosen], patients[chosen]
        most = share // max(1, len(chosen))
        draws = min(n_draws, most) if most >= MIN_DRAWS else n_draws
        figures = metrics_with_intervals(*part, threshold, n_draws=draws, seed=seed, max_resampled=share)
        drawn = draws if figures["interval_method"] == "bootstrap" else None
        found.append({"group": column, "value": value, **_summary(figures, *part[1:]), "n_bootstrap": drawn})
    return found


def _summary(figures: dict[str, Any], abnormal: NDArray[np.bool_], patients: NDArray[np.intp]) -> dict[str, Any]:
    classes = {"n_normal": ~abnormal, "n_abnormal": abnormal}
    enough = {name: count_patients(patients, rows) >= MIN_PATIENTS for name, rows in classes.items()}
    summary: dict[str, Any] = {name: int(rows.sum()) for name, rows in classes.items()}
    summary |= {
        "n_patients": count_patients(patients, np.ones(len(patients), dtype=bool)),
        "interval_method": figures["interval_method"],
    }
    for name, needed in _FIGURES.items():
        interval = figures[f"{name}_ci95"] if all(enough[n] for n in needed) else None
        summary |= {name: figures[name], f"{name}_ci95": interval}
    return summary


def _groups(column: str, values: Sequence[str], abnormal: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The values of a column in their order, and which images each is for."""
    if len(values) != len(abnormal):
        raise ValueError(f"{column} must have one entry per score; got {len(values)} for {len(abnormal)} scores")
    texts, codes = _distinct(values)
    parts: dict[str, list[int]] = {}
    spelling: dict[str, str] = {}
    for code, text in enumerate(texts):
        for part in _parts(column, text):
            spelling.setdefault(part.casefold(), part)
            parts.setdefault(part.casefold(), []).append(code)
    for key in list(AGE_BANDS) if column == "age" else sorted(parts):
        if key not in parts:
            continue
        rows = np.isin(codes, parts[key])
        rows = (rows | ~abnormal) if column == "finding" else rows
        if column != "finding" or (rows & abnormal).any():
            yield spelling[key], rows


def _distinct(values: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    numbers: dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), np.intp, len(values))
    return list(numbers), codes


def _parts(column: str, text: str) -> list[str]:
    if column == "finding":
        return list(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))
    if column != "age":
        return [text.strip()] if text.strip() else []
    try:
        years = float(text)
    except ValueError:
        return []
    return [name for name, (start, end) in AGE_BANDS.items() if start <= years < end]
