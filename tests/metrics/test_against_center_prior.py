from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from imgae_monai.metrics import (
    bootstrap_localization,
    bootstrap_localization_difference,
    center_prior,
    compare_with_center_prior,
    compute_localization,
)

FIGURES = ("pixel_auroc", "pixel_average_precision", "aupro", "best_dice_optimistic", "pointing_game", "iou")
SIZE = 16


def corner(n: int = 8) -> list[np.ndarray]:
    """Regions where the prior would not look."""
    masks = [np.zeros((SIZE, SIZE), dtype=bool) for _ in range(n)]
    for i, mask in enumerate(masks):
        mask[: 3 + i % 3, : 2 + i % 2] = True
    return masks


def noisy(masks: list[np.ndarray], signal: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=mask.shape) + signal * mask for mask in masks]


def test_both_are_measured_as_alone_and_flag_the_same_share():
    masks, patients = corner(), list("aabbccdd")
    maps = noisy(masks, 2.0)
    result = compare_with_center_prior(maps, masks, patients, threshold=1.5, n_draws=50, seed=3)
    priors = [center_prior((SIZE, SIZE))] * len(masks)
    limit = result["center_prior"]["threshold"]
    assert result["flagged_share"] == pytest.approx(np.mean(np.stack(maps) > 1.5))
    # eight pixels are tied by symmetry
    assert np.mean(priors[0] > limit) <= result["flagged_share"] <= np.mean(priors[0] >= limit)
    for name, own, threshold in (("model", maps, 1.5), ("center_prior", priors, limit)):
        alone = compute_localization(own, masks, threshold)
        assert {key: result[name][key] for key in FIGURES} == {key: alone[key] for key in FIGURES}
        drawn = bootstrap_localization(own, masks, patients, threshold, n_draws=50, seed=3)
        for key in FIGURES:
            if drawn[key][0] < drawn[key][1]:  # where all draws agree another interval is given, or none
                assert result[name][f"{key}_ci95"] == pytest.approx(drawn[key], abs=1e-12)
    paired = bootstrap_localization_difference(maps, priors, masks, patients, 1.5, limit, n_draws=50, seed=3)
    for key in FIGURES:
        assert result["difference"][key] == {
            part: paired[f"{key}_{part}"] for part in ("difference", "interval", "p_value")
        }
    assert (result["n_images"], result["n_regions"], result["n_patients"], result["n_bootstrap"]) == (8, 8, 4, 50)
    json.dumps(result, allow_nan=False)


def test_a_pointing_game_that_all_patients_lose_has_an_interval_of_some_width():
    masks = corner()
    maps = [1.0 - mask for mask in masks]
    result = compare_with_center_prior(maps, masks, list("aabbccdd"), threshold=0.5, n_draws=20)
    assert result["model"]["pointing_game"] == 0
    assert result["model"]["pointing_game_ci95"] == pytest.approx(binomtest(0, 4).proportion_ci(0.95, method="exact"))


def test_figures_that_all_draws_agree_on_claim_no_certainty():
    masks = corner()[:1] * 8
    result = compare_with_center_prior([m * 1.0 for m in masks], masks, range(8), threshold=2.0, n_draws=20)
    assert (result["model"]["iou"], result["model"]["pixel_auroc"]) == (0, 1)
    assert (result["model"]["iou_ci95"], result["model"]["pixel_auroc_ci95"]) == (None, None)
    assert result["difference"]["pixel_auroc"]["p_value"] is None
    assert result["verdict"].endswith(", without an interval")


def central() -> list[np.ndarray]:
    masks = [np.zeros((SIZE, SIZE), dtype=bool) for _ in range(8)]
    for i, mask in enumerate(masks):
        mask[6 : 9 + i % 2, 6 : 9 + i % 3] = True
    return masks


@pytest.mark.parametrize(
    ("masks", "signal", "words"),
    [
        (corner(), 3.0, "the map is better than the centre prior: pixel AUROC 0.9"),
        (central(), 0.0, "the map is worse than the centre prior: pixel AUROC 0."),
        ([*corner(4), *central()[:4]], 0.0, "the map is not shown to be better than the centre prior: pixel AUROC 0."),
    ],
)
def test_the_sentence_follows_the_interval(masks, signal, words):
    result = compare_with_center_prior(noisy(masks, signal), masks, range(len(masks)), threshold=1.0, n_draws=200)
    low, high = result["difference"]["pixel_auroc"]["interval"]
    assert result["verdict"].startswith(words)
    assert ("better than the" in words and "not" not in words) == (low > 0)
    assert ("worse" in words) == (high < 0)


def test_without_a_threshold_only_the_overlap_is_undefined():
    masks = corner()
    result = compare_with_center_prior(noisy(masks, 2.0), masks, range(8), threshold=None, n_draws=20)
    assert result["flagged_share"] is None
    for name in ("model", "center_prior"):
        assert (result[name]["iou"], result[name]["iou_ci95"], result[name]["threshold"]) == (None, None, None)
        assert result[name]["pixel_auroc_ci95"][0] < result[name]["pixel_auroc"]
    assert set(result["difference"]["iou"].values()) == {None}
    json.dumps(result, allow_nan=False)


def test_one_patient_gives_figures_without_intervals():
    masks = corner(2)
    result = compare_with_center_prior(noisy(masks, 2.0), masks, ["p", "p"], threshold=1.0, n_draws=20)
    assert result["model"]["pixel_auroc"] > 0.5
    assert {result["model"][f"{key}_ci95"] for key in FIGURES} == {None}
    assert result["difference"]["aupro"]["p_value"] is None
    assert "not shown to be better" in result["verdict"]
    assert result["verdict"].endswith(", without an interval")


def test_regions_that_the_crop_cut_off_leave_it_undefined():
    masks = [np.zeros((SIZE, SIZE), dtype=bool)] * 3
    result = compare_with_center_prior(noisy(masks, 0.0), masks, range(3), threshold=1.0, n_draws=20)
    assert (result["n_images"], result["n_regions"]) == (3, 0)
    assert result["model"]["pixel_auroc"] is None
    assert "undefined" in result["verdict"]


def test_maps_of_several_sizes_are_refused():
    with pytest.raises(ValueError, match=r"maps must be of one size.*\(2, 2\), \(3, 3\)"):
        compare_with_center_prior([np.ones((2, 2)), np.ones((3, 3))], [np.zeros((2, 2)), np.zeros((3, 3))], "ab", 1.0)


def test_volumes_are_compared_with_a_prior_of_three_axes():
    masks = [np.zeros((6, 6, 4), dtype=bool) for _ in range(4)]
    for mask in masks:
        mask[:2, :2, :2] = True
    result = compare_with_center_prior(noisy(masks, 4.0), masks, range(4), threshold=2.0, n_draws=50)
    assert result["verdict"].startswith("the map is better than the centre prior")
