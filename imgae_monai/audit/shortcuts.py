"""How well the test classes are told apart without any model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.audit.finding import Finding, Group
from imgae_monai.audit.measurement import Measurement
from imgae_monai.metrics import (
    compute_auroc,
    delong_interval,
    mean_distance_scores,
    metrics_with_intervals,
    pca_residual_scores,
)

SHORTCUT_BOUND = 0.7
MAX_RESAMPLED = 20_000  # images; of more, nine bootstraps would take minutes
SMALL_SIZE = 64  # pixels; what the mean image and the PCA see
PCA_SIGMA = 2.0  # pixels at that size
EXPLANATIONS = {
    "mean": "mean grey value",
    "std": "standard deviation of the grey values",
    "minus_mean_gradient": "smoothness (minus the mean gradient)",
    "minus_file_size": "small files (minus the bytes)",
    "aspect": "width / height",
    "n_pixels": "number of pixels",
    "l2_to_mean": "distance from the mean normal image",
    "pca_residual": "residual of a PCA of the normals",
    "pca_residual_clahe_smoothed": f"residual of a PCA after CLAHE, smoothed by {PCA_SIGMA:g} px",
}


@dataclasses.dataclass(frozen=True)
class Shortcut:
    """AUROC of one score that needs no model, on the test split.

    Args:
        name: key of ``EXPLANATIONS``.
        auroc: as computed, higher score meaning more abnormal.
        interval: 95 % over patients, by bootstrap, or DeLong's of more than 20,000 images; None where it would have no
            width (a constant) or a class has one patient.
        strength: max(auroc, 1 - auroc): what a classifier could make of it whatever the sign.
        strength_interval: the interval, turned where the AUROC was.
    """

    name: str
    auroc: float
    interval: tuple[float, float] | None
    strength: float
    strength_interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """The shortcut as plain JSON values."""
        return {**dataclasses.asdict(self), "explanation": EXPLANATIONS[self.name]}


def no_model_scores(
    train: Sequence[Measurement], test: Sequence[Measurement], n_components: int = 16
) -> dict[str, NDArray[np.float64]]:
    """Every score that needs no model, raw.

    Args:
        train: normal training images with ``small`` of ``SMALL_SIZE``, perhaps a sample of them.
        test: images to score, with ``small`` of that size.
        n_components: dimensions of the PCA, at most the number of training images.

    Returns:
        scores (n_test,) by name. A score that some image has not got (the file size inside a container) is left out,
        and so are those against normal training images where there are none.
    """
    common = set.intersection(*(set(m.statistics) for m in test))
    scores = {name: np.array([m.statistics[name] for m in test]) for name in EXPLANATIONS if name in common}
    if train:
        normals, images = (np.stack([m.small for m in group if m.small is not None]) for group in (train, test))
        scores["l2_to_mean"] = mean_distance_scores(normals, images)
        scores["pca_residual"] = pca_residual_scores(normals, images, n_components)
        smoothed = pca_residual_scores(normals, images, n_components, clahe=True, smoothing_sigma=PCA_SIGMA)
        scores["pca_residual_clahe_smoothed"] = smoothed
    return scores


def measure_shortcuts(
    scores: dict[str, NDArray[np.float64]],
    labels: Sequence[int],
    patients: Sequence[str],
    seed: int = 0,
    n_draws: int = 2000,
) -> list[Shortcut]:
    """AUROC of each score with its interval, the strongest first.

    Args:
        scores: see :py:func:`no_model_scores`.
        labels: 0 normal, 1 abnormal, of the same images.
        patients: their patients.
        seed: of the bootstrap.
        n_draws: its draws.

    Returns:
        the shortcuts; none where a class is absent.
    """
    found = []
    for name, values in scores.items():
        auroc = compute_auroc(values, labels)
        if auroc is None:
            return []
        interval = _interval(values, labels, patients, seed, n_draws)
        turned = (1 - interval[1], 1 - interval[0]) if interval and auroc < 0.5 else interval
        found.append(Shortcut(name, auroc, interval, max(auroc, 1 - auroc), turned))
    return sorted(found, key=lambda s: -s.strength)


def _interval(
    values: NDArray[np.float64], labels: Sequence[int], patients: Sequence[str], seed: int, n_draws: int
) -> tuple[float, float] | None:
    interval: tuple[float, float] | None
    if len(values) > MAX_RESAMPLED:
        interval = delong_interval(values, labels, patients)["interval"]
    else:
        median = float(np.median(values))
        interval = metrics_with_intervals(values, labels, patients, median, n_draws, seed)["auroc_ci95"]
    return interval


def check_shortcuts(shortcuts: Sequence[Shortcut]) -> list[Finding]:
    """A warning where the lower end of a strength's interval is above ``SHORTCUT_BOUND``."""
    groups = tuple(
        Group((), f"{EXPLANATIONS[s.name]} ({s.name}): {s.strength:.3f} [{low:.3f}, {high:.3f}]")
        for s in shortcuts
        if s.strength_interval
        for low, high in [s.strength_interval]
        if low > SHORTCUT_BOUND
    )
    message = "without any model, this alone tells the test classes apart at such an AUROC: a model must beat it"
    return [Finding("shortcut", "warning", message, groups)] if groups else []
