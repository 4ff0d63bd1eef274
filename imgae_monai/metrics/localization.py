"""How well anomaly maps say where: figures of merit against truth masks, over pixels, components and images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from imgae_monai.metrics.binary import check_threshold
from imgae_monai.metrics.pixel_ranking import PixelRanking

PRO_LIMIT = 0.3
PIXEL_METRICS = ("pixel_auroc", "pixel_average_precision", "aupro", "best_dice_optimistic")
IMAGE_METRICS = ("pointing_game", "iou")


def compute_localization(
    maps: Sequence[ArrayLike],
    masks: Sequence[ArrayLike],
    threshold: float,
    names: Sequence[str] | None = None,
    pro_limit: float = PRO_LIMIT,
) -> dict[str, float | None]:
    """Figures of merit of anomaly maps where it is known what is abnormal.

    Pixels of all images are pooled for the first three, so that a map is to be comparable between images. Boxes are
    coarse truth: they hold normal tissue, and what a radiologist did not draw counts as normal. Normal images may be
    among them, with empty masks; an abnormal image of unknown regions may not.

    - ``pixel_auroc``, ``pixel_average_precision``: see :py:func:`imgae_monai.metrics.compute_auroc` and
      ``compute_average_precision``. Chance is 0.5 and ``truth_share``.
    - ``aupro``: Bergmann et al., "Uninformed Students", CVPR 2020: the share of a component (connected, also
      by corners) that is found, a mean over components, over the false-positive rate of pixels, integrated up to
      ``pro_limit`` and divided by it. Chance is ``pro_limit`` / 2.
    - ``best_dice_optimistic``: the highest Dice of "score >= t" over all t. Optimistic: t is chosen with these masks.
    - ``pointing_game``: share of images with a region whose maximum lies in it; Zhang et al., "Top-down neural
      attention by excitation backprop", IJCV 2018, without their tolerance of 15 pixels. Of several maxima, the share
      that lies in it. Chance is ``mean_region_share``.
    - ``iou``: intersection over union of "score > threshold" with the region, a mean over images with a region.

    Args:
        maps: raw anomaly maps, each of (H, W) or (H, W, D), higher is more abnormal; sizes may differ.
        masks: for each map the truth, 0 or 1, of the same shape.
        threshold: of a pixel, in the maps' unit, chosen without these masks.
        names: what an error calls the images; their indices by default.
        pro_limit: highest false-positive rate of ``aupro``, in (0, 1].

    Returns:
        the figures above, each in [0, 1] or None where there is no truth (or nothing else) to be told; with
        ``best_dice_threshold``, ``truth_share`` (share of all pixels in the truth), ``mean_region_share`` (of the
        images with a region), ``n_images``, ``n_regions`` (images with a region), ``n_components`` and ``threshold``.

    Raises:
        ValueError: maps and masks are not of the same number and shapes, a value is not finite or no 0 or 1, the
            threshold is NaN or the limit out of range.

    Example:
        >>> result = compute_localization([[[0.1, 0.2], [0.9, 0.8]]], [[[0, 0], [1, 0]]], threshold=0.5)
        >>> result["pixel_auroc"], result["pointing_game"], result["iou"]
        (1.0, 1.0, 0.5)
    """
    values, truths = check_maps(maps, masks, names)
    limit = check_limit(pro_limit)
    threshold = check_threshold(threshold)
    n_inside = sum(int(truth.sum()) for truth in truths)
    n_pixels = sum(truth.size for truth in truths)
    region_shares = [float(truth.mean()) for truth in truths if truth.any()]
    weights = [component_weights(truth) for truth in truths]
    result: dict[str, float | None] = dict.fromkeys((*PIXEL_METRICS, *IMAGE_METRICS, "best_dice_threshold"))
    if 0 < n_inside < n_pixels:
        ranking = PixelRanking(
            np.concatenate([value[truth] for value, truth in zip(values, truths, strict=True)]),
            np.concatenate([value[~truth] for value, truth in zip(values, truths, strict=True)]),
        )
        result["pixel_auroc"] = ranking.area()
        result["pixel_average_precision"] = ranking.average_precision()
        result["aupro"] = ranking.area(limit, np.concatenate(weights))
        result["best_dice_optimistic"], result["best_dice_threshold"] = ranking.best_dice()
    if region_shares:
        result["pointing_game"] = float(np.nanmean([hit(*pair) for pair in zip(values, truths, strict=True)]))
        overlaps = [overlap(value, truth, threshold) for value, truth in zip(values, truths, strict=True)]
        result["iou"] = float(np.nanmean(overlaps))
    return result | {
        "truth_share": n_inside / n_pixels if n_pixels else None,
        "mean_region_share": float(np.mean(region_shares)) if region_shares else None,
        "n_images": len(values),
        "n_regions": len(region_shares),
        "n_components": round(sum(float(w.sum()) for w in weights)),
        "threshold": threshold,
    }


def check_maps(
    maps: Sequence[ArrayLike], masks: Sequence[ArrayLike], names: Sequence[str] | None = None
) -> tuple[list[NDArray[np.floating]], list[NDArray[np.bool_]]]:
    """Return the maps as floating point and the masks as bool, or raise a ``ValueError`` that says which is wrong."""
    called = [f"index {i}" for i in range(len(maps))] if names is None else [f"image {name}" for name in names]
    if not len(maps) == len(masks) == len(called):
        raise ValueError(f"one mask per map is needed; got {len(maps)} maps, {len(masks)} masks, {len(called)} names")
    values, truths = [], []
    for given_map, given_mask, name in zip(maps, masks, called, strict=True):
        value, mask = np.asarray(given_map), np.asarray(given_mask)
        if value.dtype.kind not in "fiub" or value.ndim not in (2, 3) or value.shape != mask.shape:
            raise ValueError(
                f"a map must be real numbers (H, W) or (H, W, D) and its mask of the same shape; got {value.dtype} "
                f"{value.shape} and {mask.shape} at {name}"
            )
        value = value.astype(np.float64 if value.dtype.kind != "f" else value.dtype, copy=False)
        if not np.isfinite(value).all():
            raise ValueError(f"maps must be finite; NaN or infinite at {name}")
        truth = mask == 1
        if not (truth | (mask == 0)).all():
            raise ValueError(f"masks must be 0 or 1 in every pixel; got something else at {name}")
        values.append(value)
        truths.append(truth)
    return values, truths


def check_limit(pro_limit: float) -> float:
    """Return the limit, or raise a ``ValueError`` where it is no false-positive rate above 0."""
    if not (math.isfinite(pro_limit) and 0 < pro_limit <= 1):
        raise ValueError(f"pro_limit must lie in (0, 1]; got {pro_limit}")
    return float(pro_limit)


def component_weights(truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each pixel of the truth, in the order of ``truth.nonzero()``, one over the size of its component."""
    labels, _ = ndimage.label(truth, structure=np.ones((3,) * truth.ndim))
    inside = labels[truth]
    return 1 / np.bincount(inside)[inside] if inside.size else np.empty(0)


def hit(value: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Share of a map's maxima that lie in the truth; NaN where that is empty."""
    return float(truth[value == value.max()].mean()) if truth.any() else math.nan


def overlap(value: NDArray[np.floating], truth: NDArray[np.bool_], threshold: float) -> float:
    """Intersection over union of "score > threshold" with the truth; NaN where that is empty."""
    flagged = value > threshold
    return float((flagged & truth).sum() / (flagged | truth).sum()) if truth.any() else math.nan
