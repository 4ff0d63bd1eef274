from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage.measure import label
from sklearn.metrics import average_precision_score, roc_auc_score

from imgae_monai.metrics import compute_localization


def scene(seed: int, decimals: int = 8, shapes=((12, 10), (8, 8), (9, 14))) -> tuple[list, list]:
    """Maps of several sizes with two regions, one, and none."""
    rng = np.random.default_rng(seed)
    masks = [np.zeros(shape, dtype=bool) for shape in shapes]
    masks[0][1:4, 1:3] = masks[0][4, 3] = True  # joined by a corner: one component of seven pixels
    masks[0][8:11, 6:10] = True
    masks[1][2:4, 5:7] = True
    maps = [np.round(rng.normal(size=m.shape) + 1.5 * m, decimals) for m in masks]
    return maps, masks


def slow_aupro(maps: list, masks: list, limit: float) -> float:
    """By definition: a threshold at a time, every component's overlap, trapezoids up to the limit."""
    pixels = np.concatenate([m.ravel() for m in maps])
    outside = np.concatenate([m[~t] for m, t in zip(maps, masks, strict=True)])
    components = []
    for value, truth in zip(maps, masks, strict=True):
        regions = label(truth, connectivity=2)
        components += [value[regions == k] for k in range(1, regions.max() + 1)]
    curve = [(0.0, 0.0)]
    for t in np.unique(pixels)[::-1]:
        curve.append(((outside >= t).mean(), np.mean([(c >= t).mean() for c in components])))
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(curve):
        end = min(x1, limit)
        if end > x0:
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (y0 + y_end) / 2 * (end - x0)
    return area / limit


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_pixel_areas_are_scikit_learns(decimals):
    maps, masks = scene(0, decimals)
    truth, scores = (np.concatenate([a.ravel() for a in arrays]) for arrays in (masks, maps))
    result = compute_localization(maps, masks, threshold=1.0)
    assert result["pixel_auroc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert result["pixel_average_precision"] == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    assert result["truth_share"] == truth.mean()


@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize("limit", [0.1, 0.3, 1.0])
def test_aupro_is_its_definitions(decimals, limit):
    maps, masks = scene(1, decimals)
    result = compute_localization(maps, masks, threshold=1.0, pro_limit=limit)
    assert result["aupro"] == pytest.approx(slow_aupro(maps, masks, limit), abs=1e-12)
    assert (result["n_images"], result["n_regions"], result["n_components"]) == (3, 2, 3)


def test_small_components_count_as_much_as_large_ones():
    truth = np.zeros((10, 10), dtype=bool)
    truth[0, 0] = True
    truth[2:, 2:] = True
    only_large = np.where(truth, 1.0, 0.0)
    only_large[0, 0] = -1.0
    result = compute_localization([only_large], [truth], threshold=0.5)
    assert result["aupro"] == pytest.approx(0.5)
    assert result["pixel_auroc"] == pytest.approx(64 / 65)


def test_by_hand():
    maps = [[[0.9, 0.4], [0.1, 0.2]], [[0.3, 0.8], [0.6, 0.5]]]
    masks = [[[1, 1], [0, 0]], [[1, 0], [0, 0]]]
    result = compute_localization(maps, masks, threshold=0.35)
    assert result["pointing_game"] == 0.5  # 0.9 lies in its region, 0.8 does not
    assert result["iou"] == pytest.approx((2 / 2 + 0 / 4) / 2)
    # inside 0.9, 0.4, 0.3 against outside 0.8, 0.6, 0.5, 0.2, 0.1: of 15 pairs 5 + 2 + 2 are won
    assert result["pixel_auroc"] == pytest.approx(9 / 15)
    assert result["pixel_average_precision"] == pytest.approx((1 / 1 + 2 / 5 + 3 / 6) / 3)
    assert result["best_dice_optimistic"] == pytest.approx(2 * 3 / (3 + 6))
    assert result["best_dice_threshold"] == 0.3
    assert result["mean_region_share"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    # one component in each image: after a rate of 0 half of the first, from 3/5 on the other two pixels
    assert result["aupro"] == pytest.approx(0.25)


def test_a_constant_map_is_chance():
    masks = [np.zeros((4, 5), dtype=bool) for _ in range(2)]
    masks[0][:2, :2] = masks[1][3, 4] = True
    result = compute_localization([np.full((4, 5), 7.0)] * 2, masks, threshold=7.0)
    assert result["pixel_auroc"] == 0.5
    assert result["pixel_average_precision"] == result["truth_share"] == 5 / 40
    assert result["aupro"] == pytest.approx(0.15)
    assert result["pointing_game"] == result["mean_region_share"] == pytest.approx((4 / 20 + 1 / 20) / 2)
    assert result["iou"] == 0


def test_a_perfect_map_reaches_one_everywhere():
    _, masks = scene(0)
    result = compute_localization([m.astype(np.float32) for m in masks], masks, threshold=0.5)
    figures = ("pixel_auroc", "pixel_average_precision", "aupro", "best_dice_optimistic", "pointing_game", "iou")
    assert [result[name] for name in figures] == pytest.approx([1.0] * 6)


def test_normal_images_bring_pixels_but_no_hit():
    maps, masks = scene(2)
    with_normal, without = (compute_localization(maps[:n], masks[:n], threshold=1.0) for n in (3, 2))
    assert with_normal["pointing_game"] == without["pointing_game"]
    assert with_normal["iou"] == without["iou"]
    assert with_normal["truth_share"] < without["truth_share"]


def test_volumes_are_taken():
    truth = np.zeros((3, 4, 5), dtype=bool)
    truth[0, 0, 0] = truth[1, 1, 1] = True  # joined by a corner
    result = compute_localization([truth * 1.0], [truth], threshold=0.5)
    assert (result["n_components"], result["iou"]) == (1, 1.0)


def test_what_cannot_be_told_is_none():
    nothing = compute_localization([np.ones((2, 2))], [np.zeros((2, 2))], threshold=0.5)
    assert {nothing[k] for k in ("pixel_auroc", "aupro", "best_dice_optimistic", "pointing_game", "iou")} == {None}
    everything = compute_localization([np.ones((2, 2))], [np.ones((2, 2))], threshold=0.5)
    assert (everything["pixel_auroc"], everything["aupro"], everything["iou"]) == (None, None, 1.0)
    assert compute_localization([], [], threshold=0.5)["truth_share"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([np.ones((2, 2))], []), "got 1 maps, 0 masks, 1 names"),
        (([np.ones((2, 2))], [np.ones((2, 3))]), r"got float64 \(2, 2\) and \(2, 3\) at image a"),
        (([np.full((2, 2), np.nan)], [np.ones((2, 2))]), "maps must be finite; NaN or infinite at image a"),
        (([np.ones((2, 2))], [np.full((2, 2), 255)]), "masks must be 0 or 1 in every pixel; got something else at"),
    ],
)
def test_malformed_maps_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        compute_localization(*arguments, threshold=0.5, names=["a"])
    with pytest.raises(ValueError, match=r"pro_limit must lie in \(0, 1\]; got 30"):
        compute_localization([], [], threshold=0.5, pro_limit=30)
    with pytest.raises(ValueError, match="threshold must be a number; got NaN"):
        compute_localization([], [], threshold=float("nan"))
