"""Draws of patients, and what is made of them: percentile intervals and the paired difference of two models.

A draw is a vector of multiplicities, one per patient. Draws go in chunks, whose size changes the memory and not the
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.metrics.binary import check_confidence

_CHUNK_ELEMENTS = 2**18  # 2 MB of float64 for each temporary, so that a chunk stays near the cache
_ROUNDING = 1e-12  # two sums of the same terms in another order are a difference of 0


def check_settings(n_draws: int, confidence: float) -> None:
    """Raise a ``ValueError`` where there is no draw, or ``confidence`` is not strictly between 0 and 1."""
    if n_draws < 1:
        raise ValueError(f"n_draws must be at least 1; got {n_draws}")
    check_confidence(confidence)


def draw_weights(
    abnormal: NDArray[np.bool_], patients: NDArray[np.intp], n_draws: int, seed: int
) -> Iterator[NDArray[Any]]:
    """Draw patients with replacement, those with an abnormal image and those without one each among themselves.

    A stratum has its own stream of random numbers, so that the size of a chunk doesn't change the draws.

    Args:
        abnormal: (n,), True where an image is abnormal (or whatever makes the strata).
        patients: (n,), which patient an image is of, as :py:func:`imgae_monai.metrics.patients.patient_index` gives it.
        n_draws: number of draws.
        seed: of the draws; the same seed, patients and labels give the same draws.

    Yields:
        chunks of draws (draws, patients): how often each patient was drawn.
    """
    n_patients = int(patients.max(initial=-1)) + 1
    has_abnormal = np.bincount(patients, weights=abnormal, minlength=n_patients) > 0
    strata = [np.flatnonzero(has_abnormal), np.flatnonzero(~has_abnormal)]
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(len(strata))]
    rows = max(1, _CHUNK_ELEMENTS // max(1, len(patients)))
    for start in range(0, n_draws, rows):
        n = min(rows, n_draws - start)
        weights = np.zeros((n, n_patients))
        for members, stream in zip(strata, streams, strict=True):
            if members.size:
                picks = stream.integers(members.size, size=(n, members.size)) + members.size * np.arange(n)[:, None]
                counts = np.bincount(picks.ravel(), minlength=n * members.size)
                weights[:, members] = counts.reshape(n, members.size)
        yield weights


def divide(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[Any]:
    """``part / whole``, NaN where ``whole`` is 0: a draw in which a figure is undefined."""
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def percentile_interval(drawn: NDArray[Any], confidence: float) -> tuple[float, float] | None:
    """Percentile interval of a figure's draws.

    Args:
        drawn: the figure of each draw; NaN where it is undefined, which is left out.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        (low, high), or None where no draw is defined or a bound would be infinite.

    Example:
        >>> [round(bound, 1) for bound in percentile_interval(np.arange(101.0), 0.9)]
        [5.0, 95.0]
    """
    defined = drawn[~np.isnan(drawn)]
    if not defined.size:
        return None
    levels = [(1 - confidence) / 2, (1 + confidence) / 2]
    if np.isinf(defined).any():
        # without interpolation: half way to infinity is no number
        low, high = np.quantile(defined, levels[0], method="lower"), np.quantile(defined, levels[1], method="higher")
        return (float(low), float(high)) if np.isfinite(low) and np.isfinite(high) else None
    low, high = np.quantile(defined, levels)
    return float(low), float(high)


def has_no_width(interval: tuple[float, float]) -> bool:
    """Whether all draws are the same but for rounding: patients who were drawn don't show how much others vary."""
    return interval[1] - interval[0] <= _ROUNDING


def paired_difference(
    prefix: str, a: float | None, b: float | None, drawn: NDArray[Any], confidence: float
) -> dict[str, float | tuple[float, float] | None]:
    """Difference of a figure between two models, with the interval and p value that its paired draws give.

    Args:
        prefix: of the names returned.
        a: figure of the first model on all images.
        b: figure of the second one.
        drawn: first less second in each draw; NaN where it is undefined.
        confidence: coverage of the interval, in (0, 1).

    Returns:
        ``{prefix}difference`` (a - b), ``{prefix}interval`` and ``{prefix}p_value`` (two-sided, see
        :py:func:`imgae_monai.metrics.bootstrap_auroc_difference`); all None where undefined, interval and p value where
        the difference is the same in every draw, but for 0: patients who never disagree don't show how much they may.
    """
    interval = percentile_interval(drawn, confidence)
    if a is None or b is None or interval is None:
        return {f"{prefix}difference": None, f"{prefix}interval": None, f"{prefix}p_value": None}
    if abs(a - b) > _ROUNDING and has_no_width(interval):
        return {f"{prefix}difference": a - b, f"{prefix}interval": None, f"{prefix}p_value": None}
    defined = drawn[~np.isnan(drawn)]
    tail = min(int(np.sum(defined <= _ROUNDING)), int(np.sum(defined >= -_ROUNDING))) + 1
    p_value = min(1.0, 2 * tail / (defined.size + 1))
    return {f"{prefix}difference": a - b, f"{prefix}interval": interval, f"{prefix}p_value": p_value}


def agreeing_interval(share: float, n_patients: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share that is 0 or 1: no draw ever differs, but patients who were not seen might.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934.

    Args:
        share: 0 or 1.
        n_patients: number of patients who agree, at least 1.
        confidence: coverage of the interval, in (0, 1).

    Example:
        >>> [round(bound, 3) for bound in agreeing_interval(0, 42)]
        [0.0, 0.084]
    """
    reach = 1 - ((1 - confidence) / 2) ** (1 / n_patients)
    return (0.0, reach) if share == 0 else (1 - reach, 1.0)
