from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.metrics import (
    bootstrap_localization,
    bootstrap_localization_difference,
    center_prior,
    compute_localization,
    localization_bootstrap,
    resampling,
)

FIGURES = ("pixel_auroc", "pixel_average_precision", "aupro", "best_dice_optimistic", "pointing_game", "iou")
THRESHOLD = 1.0


def cohort(n: int = 10, size: int = 12, decimals: int = 1, seed: int = 0) -> tuple[list, list, np.ndarray]:
    """Images of which two in three have a region; some patients have several."""
    rng = np.random.default_rng(seed)
    masks = [np.zeros((size, size), dtype=bool) for _ in range(n)]
    for i, mask in enumerate(masks):
        y, x = rng.integers(0, size // 2, 2)
        mask[y : y + 2 + i % 3, x : x + 3] = i % 3 > 0
    maps = [np.round(rng.normal(size=m.shape) + m, decimals) for m in masks]
    return maps, masks, np.arange(n) * 2 // 3


def repeated_images(masks: list, patients: np.ndarray, n_draws: int, seed: int) -> list[np.ndarray]:
    """The same draws as indices of images, each repeated as often as its patient was drawn."""
    regions = np.asarray([m.any() for m in masks])
    index = np.unique(patients, return_inverse=True)[1]
    weights = np.concatenate(list(resampling.draw_weights(regions, index, n_draws, seed)))
    return [np.repeat(np.arange(len(masks)), w[index].astype(int)) for w in weights]


def test_intervals_are_those_of_repeating_the_images():
    maps, masks, patients = cohort()
    got = bootstrap_localization(maps, masks, patients, THRESHOLD, n_draws=60, seed=3)
    naive = [
        compute_localization([maps[i] for i in rows], [masks[i] for i in rows], THRESHOLD)
        for rows in repeated_images(masks, patients, 60, 3)
    ]
    assert set(got) == set(FIGURES)
    for name in FIGURES:
        expected = np.quantile([result[name] for result in naive], [0.025, 0.975])
        assert got[name] == pytest.approx(tuple(expected), abs=1e-12), name
        assert got[name][0] < got[name][1]


def test_levels_of_many_distinct_values_move_an_interval_by_less_than_a_twentieth_of_its_width():
    maps, masks, patients = cohort(n=12, size=40, decimals=12)
    assert np.unique(np.concatenate(maps)).size > 1024
    got = bootstrap_localization(maps, masks, patients, THRESHOLD, n_draws=60, seed=3)
    naive = [
        compute_localization([maps[i] for i in rows], [masks[i] for i in rows], THRESHOLD)
        for rows in repeated_images(masks, patients, 60, 3)
    ]
    for name in FIGURES:
        expected = tuple(np.quantile([result[name] for result in naive], [0.025, 0.975]))
        assert got[name] == pytest.approx(expected, abs=0.05 * np.ptp(expected)), name


def test_an_interval_narrower_than_the_levels_error_holds_its_figure(monkeypatch):
    # one image over and over: every draw is the figure itself
    monkeypatch.setattr(localization_bootstrap, "_N_LEVELS", 8)
    maps, masks, _ = cohort(n=2, size=40, decimals=12)
    exact = compute_localization(maps[1:] * 5, masks[1:] * 5, THRESHOLD)
    got = bootstrap_localization(maps[1:] * 5, masks[1:] * 5, range(5), THRESHOLD, n_draws=20)
    for name in FIGURES:
        assert got[name] == pytest.approx((exact[name], exact[name]), abs=1e-12), name


def test_the_difference_is_paired_and_agrees_with_repeating_the_images():
    maps, masks, patients = cohort()
    others = [np.round(m + np.random.default_rng(7).normal(size=m.shape), 1) for m in maps]
    got = bootstrap_localization_difference(maps, others, masks, patients, THRESHOLD, 1.5, n_draws=40, seed=5)
    draws = repeated_images(masks, patients, 40, 5)
    for name in FIGURES:
        naive = np.asarray(
            [
                compute_localization([maps[i] for i in rows], [masks[i] for i in rows], THRESHOLD)[name]
                - compute_localization([others[i] for i in rows], [masks[i] for i in rows], 1.5)[name]
                for rows in draws
            ]
        )
        assert got[f"{name}_interval"] == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=1e-12), name
        tail = min((naive <= 1e-12).sum(), (naive >= -1e-12).sum()) + 1
        assert got[f"{name}_p_value"] == pytest.approx(min(1.0, 2 * tail / 41))


def test_a_map_differs_from_itself_by_nothing_and_a_perfect_one_beats_the_centre():
    maps, masks, patients = cohort()
    same = bootstrap_localization_difference(maps, maps, masks, patients, THRESHOLD, THRESHOLD, n_draws=20)
    assert {same[f"{name}_interval"] for name in FIGURES} == {(0.0, 0.0)}
    assert {same[f"{name}_p_value"] for name in FIGURES} == {1.0}
    centre = [center_prior(m.shape) for m in masks]
    perfect = [m * 1.0 for m in masks]
    better = bootstrap_localization_difference(perfect, centre, masks, patients, 0.5, 0.5, n_draws=99)
    for name in FIGURES:
        exact = compute_localization(perfect, masks, 0.5)[name] - compute_localization(centre, masks, 0.5)[name]
        assert better[f"{name}_difference"] == pytest.approx(exact), name
        assert better[f"{name}_interval"][0] > 0, name
        assert better[f"{name}_p_value"] == pytest.approx(2 / 100)


def test_repeated_images_of_a_patient_do_not_narrow_the_interval():
    maps, masks, _ = cohort()
    once = bootstrap_localization(maps, masks, range(10), THRESHOLD, n_draws=200)
    four = bootstrap_localization(maps * 4, masks * 4, [*range(10)] * 4, THRESHOLD, n_draws=200)
    assert four == {name: pytest.approx(interval, abs=1e-12) for name, interval in once.items()}
    apart = bootstrap_localization(maps * 4, masks * 4, range(40), THRESHOLD, n_draws=200)
    assert np.ptp(apart["pixel_auroc"]) < 0.7 * np.ptp(once["pixel_auroc"])


def test_the_chunk_size_changes_no_number(monkeypatch):
    arguments = (*cohort(), THRESHOLD)
    whole = bootstrap_localization(*arguments, n_draws=50)
    monkeypatch.setattr(resampling, "_CHUNK_ELEMENTS", 70)
    assert bootstrap_localization(*arguments, n_draws=50) == whole


def test_without_regions_everything_is_none():
    nothing = bootstrap_localization([np.ones((2, 2))] * 2, [np.zeros((2, 2))] * 2, ["a", "b"], 0.5, n_draws=5)
    assert nothing == dict.fromkeys(FIGURES)


def test_malformed_arguments_are_refused():
    maps, masks, patients = cohort()
    with pytest.raises(ValueError, match="patient_ids must have one entry per score; got 1 for 10 scores"):
        bootstrap_localization(maps, masks, ["a"], THRESHOLD)
    with pytest.raises(ValueError, match="n_draws must be at least 1; got 0"):
        bootstrap_localization(maps, masks, patients, THRESHOLD, n_draws=0)
    with pytest.raises(ValueError, match="got 9 maps, 10 masks"):
        bootstrap_localization_difference(maps[:9], maps, masks, patients, THRESHOLD, THRESHOLD)
