"""How well a score tells normal images from their corrupted copies, and how sure that is."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.metrics.binary import compute_auroc
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.weighted_ranking import WeightedRanking


@dataclasses.dataclass(frozen=True)
class CopyScores:
    """What one score of one run says of normal validation images and of their corrupted copies.

    Args:
        clean: raw scores of the images, (n,).
        corrupted: by family, of their copies, (n, draws).
        halves: of each image, 0 or 1: statistics that a score needs were fitted on the other half.
        patients: of each image.
        pixel_auroc: by family, the mean over copies of the map's AUROC for the changed pixels; None where undefined.
    """

    clean: NDArray[np.float64]
    corrupted: Mapping[str, NDArray[np.float64]]
    halves: NDArray[np.intp]
    patients: Sequence[str]
    pixel_auroc: Mapping[str, float | None]


def family_aurocs(scores: CopyScores) -> dict[str, float]:
    """AUROC of clean against corrupted images by family: the mean of the two halves.

    Scores of the two halves are not compared with each other, as each rests on statistics of its own.
    """
    found = {}
    for family, copies in scores.corrupted.items():
        aurocs = [_auroc(scores.clean[scores.halves == h], copies[scores.halves == h]) for h in (0, 1)]
        found[family] = float(np.mean(aurocs))
    return found


def draw_family_aurocs(scores: CopyScores, weights: NDArray[Any], patients: Sequence[str]) -> NDArray[np.float64]:
    """The same with patients drawn anew: an image and its copies come and go together.

    Args:
        scores: of one score of one run.
        weights: (draws, patients), how often each patient was drawn, see :py:func:`draw_patients`.
        patients: that the columns of ``weights`` are of.

    Returns:
        (draws, families), in the order of ``scores.corrupted``; NaN where a half was not drawn.
    """
    places = {patient: i for i, patient in enumerate(patients)}
    index = np.array([places[p] for p in scores.patients])
    columns = []
    for copies in scores.corrupted.values():
        halves = []
        for h in (0, 1):
            own = scores.halves == h
            n_draws = copies.shape[1]
            values = np.concatenate([scores.clean[own], copies[own].ravel()])
            abnormal = np.repeat([False, True], [own.sum(), own.sum() * n_draws])
            ranking = WeightedRanking(values, abnormal, np.concatenate([index[own], np.repeat(index[own], n_draws)]))
            halves.append(ranking(weights)["auroc"])
        columns.append(np.mean(halves, axis=0))
    return np.stack(columns, axis=1)


def draw_patients(patients: Sequence[str], n_draws: int, seed: int) -> tuple[NDArray[Any], list[str]]:
    """Draw patients with replacement.

    Args:
        patients: of all images, each once or more often.
        n_draws: number of draws.
        seed: of the draws.

    Returns:
        (draws, patients), how often each was drawn, and the patients of the columns.
    """
    columns = sorted(set(patients))
    patient_index(columns, len(columns))  # none is missing
    n = len(columns)
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_draws).astype(np.float64)
    return weights, columns


def criterion(aurocs: Mapping[str, float], trained_on: Collection[str]) -> tuple[float, float]:
    """What is compared: the mean over families of the AUROC, and, among equals, that of the worst family.

    A family that a network was trained to restore is left out: it would be preferred for knowing the test.

    Args:
        aurocs: by family.
        trained_on: families that a run in the comparison was trained to restore.

    Returns:
        mean and minimum.

    Raises:
        ValueError: when no family is left.

    Example:
        >>> criterion({"haze": 0.75, "nodules": 0.5, "cut_paste": 1.0}, trained_on=["cut_paste"])
        (0.625, 0.5)
    """
    kept = [value for family, value in aurocs.items() if family not in trained_on]
    if not kept:
        raise ValueError(f"no family is left of {sorted(aurocs)}: all were trained on")
    return float(np.mean(kept)), float(min(kept))


def _auroc(clean: NDArray[Any], copies: NDArray[Any]) -> float:
    labels = np.repeat([0, 1], [clean.size, copies.size])
    found = compute_auroc(np.concatenate([clean, copies.ravel()]), labels)
    if found is None:
        raise ValueError("both halves must have images, got an empty one")
    return found
