from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from imgae_monai.metrics import compute_average_precision, compute_curve_bands
from imgae_monai.metrics.curve_bands import _both_curves, _Steps


def made(n: int, seed: int = 0, decimals: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    return np.round(random.normal(size=n) + labels, decimals), labels


def test_four_images_by_hand() -> None:
    # a draw has two normals of {1, 3} and two abnormals of {2, 4}, each pair with chances 1/4, 1/2, 1/4
    roc, precision_recall = compute_curve_bands([1, 2, 3, 4], [0, 1, 0, 1], list("abcd"), n_draws=4000, confidence=0.5)
    assert (roc.curve[0], roc.curve[99], roc.curve[100], roc.curve[-1]) == (0.5, 0.5, 1, 1)
    # none of them above the highest normal: (2, 2) beside any draw with the 3, so P(0) = 1/4 * 3/4 = 0.1875
    assert (roc.low[0], roc.high[0]) == (0.5, 1)
    assert compute_curve_bands([1, 2, 3, 4], [0, 1, 0, 1], list("abcd"), confidence=0.7)[0].low[0] == 0
    assert (precision_recall.curve[0], precision_recall.curve[100], precision_recall.curve[101]) == (1, 1, 2 / 3)


@pytest.mark.parametrize("decimals", [12, 1])
def test_the_curves_are_scikit_learns(decimals: int) -> None:
    scores, labels = made(500, decimals=decimals)
    roc, precision_recall = compute_curve_bands(scores, labels, np.arange(500), n_draws=1)
    false_positive_rate, sensitivity, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert roc.curve == pytest.approx(np.interp(roc.grid, false_positive_rate, sensitivity))
    precision, recall, _ = precision_recall_curve(labels, scores)
    # from the lowest threshold: the last one that still reaches the recall; scikit-learn adds (0, 1), which none has
    last = [np.flatnonzero(recall[:-1] >= max(r, 1e-9))[-1] for r in precision_recall.grid]
    assert precision_recall.curve == pytest.approx(precision[last])


def test_a_draw_is_the_curve_of_its_repeated_images() -> None:
    scores, labels = made(60, decimals=1)
    patients = np.arange(60) // 3
    weights = np.random.default_rng(1).integers(0, 4, size=(5, 20)).astype(float)
    for drawn, (true_positives, false_positives) in zip(
        weights, _Steps(scores, labels == 1, patients)(weights), strict=True
    ):
        times = drawn[patients].astype(int)
        again = compute_curve_bands(np.repeat(scores, times), np.repeat(labels, times), np.repeat(patients, times), 1)
        assert _both_curves(true_positives, false_positives) == pytest.approx(np.stack([x.curve for x in again]))


def test_the_band_holds_the_curve_and_narrows_with_more_patients() -> None:
    widths = []
    for n in (200, 3200):
        scores, labels = made(n)
        bands = compute_curve_bands(scores, labels, np.arange(n), n_draws=500)
        for band in bands:
            assert ((band.low <= band.curve + 1e-12) & (band.curve <= band.high + 1e-12)).mean() > 0.99
        widths.append([(band.high - band.low)[20:180].mean() for band in bands])
    assert np.divide(*widths) == pytest.approx([4, 4], rel=0.25)


def test_images_of_one_patient_widen_the_band() -> None:
    scores, labels = made(400)
    scores, labels = np.repeat(scores, 4), np.repeat(labels, 4)
    width = [
        np.mean(band.high - band.low)
        for patients in (np.arange(1600), np.arange(1600) // 4)
        for band in compute_curve_bands(scores, labels, patients, n_draws=400)
    ]
    assert width[2] / width[0] == pytest.approx(2, rel=0.2)
    assert width[3] / width[1] == pytest.approx(2, rel=0.2)


def test_the_true_curve_is_covered_as_often_as_promised() -> None:
    """Two normal distributions one apart: sensitivity is known at each point."""
    from scipy.stats import norm

    inside = []
    for seed in range(80):
        scores, labels = made(300, seed)
        roc, _ = compute_curve_bands(scores, labels, np.arange(300), n_draws=200, seed=seed)
        true = norm.sf(norm.isf(roc.grid[20:181:20]) - 1)
        inside.append((roc.low[20:181:20] <= true) & (true <= roc.high[20:181:20]))
    assert 0.90 <= np.mean(inside) <= 0.98


def test_many_steps_are_joined_without_moving_the_curve() -> None:
    scores, labels = made(50_000)
    band, precision_recall = compute_curve_bands(scores, labels, np.arange(50_000), n_draws=1)
    false_positive_rate, sensitivity, _ = roc_curve(labels, scores)
    assert band.curve == pytest.approx(np.interp(band.grid, false_positive_rate, sensitivity), abs=1e-3)
    assert precision_recall.curve.mean() == pytest.approx(compute_average_precision(scores, labels), abs=1e-3)
    scores[::2] = 0.5  # a tie of half the images, wider than a joined step
    tied, _ = compute_curve_bands(scores, labels, np.arange(50_000), n_draws=1)
    false_positive_rate, sensitivity, _ = roc_curve(labels, scores)
    assert tied.curve == pytest.approx(np.interp(tied.grid, false_positive_rate, sensitivity), abs=1e-3)


def test_fewer_draws_of_very_many_images() -> None:
    scores, labels = made(2000)
    started = time.process_time()
    assert compute_curve_bands(scores, labels, np.arange(2000))[0].n_draws == 2000
    assert time.process_time() - started < 3
    scores, labels = made(250_000)
    patients = np.arange(250_000) // 2
    labels = labels[patients]
    assert compute_curve_bands(scores, labels, patients)[0].n_draws == 800


def test_one_class_has_no_band() -> None:
    assert compute_curve_bands([0.1, 0.2], [0, 0], ["a", "b"]) is None


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0.1, np.nan], [0, 1], ["a", "b"]), "scores must be finite"),
        (([0.1, 0.2], [0, 1], ["a"]), "patient_ids must have one entry per score"),
        (([0.1, 0.2], [0, 1], ["a", "b"], 0), "n_draws must be at least 1"),
    ],
)
def test_what_is_malformed_is_refused(arguments, match) -> None:
    with pytest.raises(ValueError, match=match):
        compute_curve_bands(*arguments)
