"""A model's localisation beside that of the centre prior, which looks at nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.center_prior import center_prior, threshold_of_share
from imgae_monai.metrics.localization import IMAGE_METRICS, PIXEL_METRICS, check_maps, compute_localization
from imgae_monai.metrics.localization_bootstrap import bootstrap_localization_difference
from imgae_monai.metrics.patients import patient_index
from imgae_monai.metrics.resampling import agreeing_interval, has_no_width

FIGURES = (*PIXEL_METRICS, *IMAGE_METRICS)
_COUNTS = ("n_images", "n_regions", "n_components", "truth_share", "mean_region_share")
_OWN = (*FIGURES, "best_dice_threshold", "threshold")


def compare_with_center_prior(
    maps: Sequence[ArrayLike],
    masks: Sequence[ArrayLike],
    patient_ids: Sequence[Any] | NDArray[Any],
    threshold: float | None,
    n_draws: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of a model's maps, of the centre prior and their paired difference, each with its 95 % interval.

    The prior (:py:func:`imgae_monai.metrics.center_prior`) flags the share of the pixels that the model flags.

    Args:
        maps: raw anomaly maps of one size, as :py:func:`imgae_monai.metrics.compute_localization` takes them.
        masks: the truth of each.
        patient_ids: one a map.
        threshold: of a pixel, in the maps' unit, chosen without these masks; None leaves ``iou`` undefined.
        n_draws: number of bootstrap draws behind each interval.
        seed: of the draws.

    Returns:
        ``n_images``, ``n_regions`` (images with a region), ``n_components``, ``n_patients``, ``truth_share``,
        ``mean_region_share``, ``n_bootstrap``; ``flagged_share`` (of the pixels; None without a threshold); ``model``
        and ``center_prior``: the six figures, each with ``{figure}_ci95``, their ``best_dice_threshold`` and
        ``threshold``; ``difference``: by figure ``difference`` (model minus prior), ``interval`` and ``p_value``; and
        ``verdict``, a sentence. Intervals are None where fewer than two patients have a region or all draws agree; a
        pointing game that all patients agree on has Clopper and Pearson's.

    Raises:
        ValueError: the maps are of several sizes, or as in :py:func:`imgae_monai.metrics.compute_localization`.
    """
    values, truths = check_maps(maps, masks)
    sizes = {value.shape for value in values}
    if len(sizes) != 1:
        raise ValueError(f"maps must be of one size, that of the network; got {sorted(sizes)}")
    prior = center_prior(sizes.pop())
    share = None if threshold is None else float(np.mean([(value > threshold).mean() for value in values]))
    nothing = math.inf  # no pixel is above it
    both: dict[str, tuple[list[NDArray[Any]], float]] = {
        "model": (values, nothing if threshold is None else threshold),
        "center_prior": ([prior] * len(values), nothing if share is None else threshold_of_share([prior], share)),
    }
    (own, own_threshold), (reference, reference_threshold) = both.values()
    paired = bootstrap_localization_difference(
        own, reference, truths, patient_ids, own_threshold, reference_threshold, n_draws=n_draws, seed=seed
    )
    n_with_region = _n_patients(truths, patient_ids)
    if n_with_region < 2:  # one patient can't vary, and an interval of no width claims certainty
        paired = {key: value if key.endswith("_difference") else None for key, value in paired.items()}
    result: dict[str, Any] = {}
    for side, name in (("a", "model"), ("b", "center_prior")):
        figures = compute_localization(both[name][0], truths, both[name][1])
        result = {key: figures[key] for key in _COUNTS} | result
        result[name] = {key: figures[key] for key in _OWN}
        intervals = {f"{key}_ci95": paired[f"{key}_interval_{side}"] for key in FIGURES}
        result[name] |= {
            key: x if isinstance(x, tuple) and not has_no_width(x) else None for key, x in intervals.items()
        }
        if figures["pointing_game"] in (0, 1) and n_with_region > 1:
            result[name]["pointing_game_ci95"] = agreeing_interval(figures["pointing_game"], n_with_region)
    result["difference"] = {
        key: {part: paired[f"{key}_{part}"] for part in ("difference", "interval", "p_value")} for key in FIGURES
    }
    if threshold is None:
        for name in both:
            result[name] |= {"iou": None, "iou_ci95": None, "threshold": None}
        result["difference"]["iou"] = dict.fromkeys(("difference", "interval", "p_value"))
    result |= {"n_patients": len({str(p) for p in patient_ids}), "flagged_share": share, "n_bootstrap": n_draws}
    return result | {"verdict": center_prior_verdict(result)}


def center_prior_verdict(result: dict[str, Any]) -> str:
    """One sentence that says no more than the interval of the pixel AUROC's difference does.

    Args:
        result: ``model``, ``center_prior`` and ``difference`` of :py:func:`compare_with_center_prior`.
    """
    found = result["difference"]["pixel_auroc"]
    if found["difference"] is None:
        return "whether the map is better than the centre prior is undefined: there is no region, or nothing else"
    numbers = (
        f"pixel AUROC {result['model']['pixel_auroc']:.3f} against {result['center_prior']['pixel_auroc']:.3f}, "
        f"difference {found['difference']:+.3f}"
    )
    if found["interval"] is None:
        return f"the map is not shown to be better than the centre prior: {numbers}, without an interval"
    low, high = found["interval"]
    words = "better than" if low > 0 else "worse than" if high < 0 else "not shown to be better than"
    return f"the map is {words} the centre prior: {numbers}, 95 % interval [{low:+.3f}, {high:+.3f}]"


def _n_patients(truths: Sequence[NDArray[np.bool_]], patient_ids: Sequence[Any] | NDArray[Any]) -> int:
    """Patients with a region."""
    patients = patient_index(patient_ids, len(truths))
    return len({int(patient) for patient, truth in zip(patients, truths, strict=True) if truth.any()})
