"""Does a threshold keep its promise? The specificity that validation normals set against that of test normals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm

from imgae_monai.metrics.binary import check_labels, check_scores
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.resampling import agreeing_interval, check_settings, draw_weights, percentile_interval

NOMINAL = tuple(round(0.05 * i, 2) for i in range(1, 20))
_MAX_PATIENTS = 20_000  # times 2,000 draws
_MAX_DRAWS = 2000


def compute_specificity_curve(
    normal_scores: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    patient_ids: Sequence[Any] | NDArray[Any],
    n_draws: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Any] | None:
    """Share of test normals at or below each quantile of the validation normals' scores.

    A point on the diagonal is a threshold that holds what it promised. The quantile is rounded up to a score that was
    observed, as :py:func:`imgae_monai.transforms.normal_quantile` does. The interval is of the test normals: exact
    (Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
    26, 1934) where each of them is of another patient, and else by bootstrap over patients; of more than 20,000 of them
    by linearisation (share +- z SE, the ratio estimator's). How far the validation normals' own quantiles may be off is
    not in it.

    Args:
        normal_scores: scores of normal validation images.
        scores: raw scores of the test images (n,).
        labels: (n,), 0 normal and 1 abnormal; only normal ones count.
        patient_ids: (n,), strings or integers; none may be missing.
        n_draws: bootstrap draws, of which 2,000 at most are made.
        seed: of the draws.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``nominal`` (0.05 to 0.95), ``observed``, ``interval`` ([low, high] each; None where it is undefined),
        ``interval_method`` (``"clopper-pearson"``, ``"bootstrap"`` or ``"linearised"``), ``n_validation`` and
        ``n_test``; None without validation scores or test normals.

    Raises:
        ValueError: scores, labels or patient_ids are malformed, or n_draws or confidence is out of range.

    Example:
        >>> curve = compute_specificity_curve(range(100), [10.0, 49.5, 80.0, 99.0], [0, 0, 0, 0], "abcd")
        >>> curve["nominal"][9], curve["observed"][9]
        (0.5, 0.5)
    """
    check_settings(n_draws, confidence)
    reference, values = check_scores(normal_scores, argument="normal_scores"), check_scores(scores)
    normal = ~check_labels(labels, len(values))
    patients = patient_index(patient_ids, len(values))[normal]
    if not reference.size or not normal.any():
        return None
    limits = np.quantile(reference, NOMINAL, method="higher")
    at_or_below = values[normal][:, None] <= limits
    observed = at_or_below.mean(axis=0)
    patients = np.unique(patients, return_inverse=True)[1]
    n_patients = int(patients.max()) + 1
    interval: list[list[float] | None]
    if n_patients == len(patients):
        method, interval = "clopper-pearson", _clopper_pearson(at_or_below.sum(axis=0), len(patients), confidence)
    elif n_patients > _MAX_PATIENTS:
        method, interval = "linearised", _linearised(at_or_below, patients, confidence)
    else:
        method, interval = "bootstrap", _bootstrap(at_or_below, patients, min(n_draws, _MAX_DRAWS), seed, confidence)
    if method != "clopper-pearson":
        interval = [
            list(agreeing_interval(share, n_patients, confidence)) if share in (0, 1) else bounds
            for share, bounds in zip(observed.tolist(), interval, strict=True)
        ]
    if n_patients == 1 < len(patients):  # who can't vary
        interval = [None] * len(NOMINAL)
    return {
        "nominal": list(NOMINAL),
        "observed": observed.tolist(),
        "interval": interval,
        "interval_method": method,
        "n_validation": len(reference),
        "n_test": len(patients),
    }


def _clopper_pearson(counts: NDArray[Any], n: int, confidence: float) -> list[list[float] | None]:
    tail = (1 - confidence) / 2
    return [
        [
            float(beta.ppf(tail, k, n - k + 1)) if k else 0.0,
            float(beta.isf(tail, k + 1, n - k)) if k < n else 1.0,
        ]
        for k in counts.tolist()
    ]


def _by_patient(at_or_below: NDArray[np.bool_], patients: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each patient's images at or below each quantile (patients, quantiles), and their number (patients,)."""
    below = np.stack([np.bincount(patients, weights=column) for column in at_or_below.T], axis=1)
    return below, np.bincount(patients).astype(float)


def _linearised(
    at_or_below: NDArray[np.bool_], patients: NDArray[np.intp], confidence: float
) -> list[list[float] | None]:
    below, n_images = _by_patient(at_or_below, patients)
    share = below.sum(axis=0) / n_images.sum()
    half = norm.isf((1 - confidence) / 2) * np.sqrt(np.square(below - share * n_images[:, None]).sum(axis=0))
    bounds = share + np.array([[-1.0], [1.0]]) * half / n_images.sum()
    return [list(pair) for pair in np.clip(bounds, 0, 1).T.tolist()]


def _bootstrap(
    at_or_below: NDArray[np.bool_], patients: NDArray[np.intp], n_draws: int, seed: int, confidence: float
) -> list[list[float] | None]:
    below, n_images = _by_patient(at_or_below, patients)
    # all are normal: one stratum
    weights = draw_weights(np.zeros(len(patients), dtype=bool), patients, n_draws, seed)
    drawn = np.concatenate([w @ below / (w @ n_images)[:, None] for w in weights])
    intervals = [percentile_interval(column, confidence) for column in drawn.T]
    return [None if interval is None else list(interval) for interval in intervals]
