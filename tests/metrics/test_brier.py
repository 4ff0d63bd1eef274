from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from imgae_monai.metrics import compute_brier, probability_metrics, resampling


def cohort(n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    probabilities = rng.random(n)
    return probabilities, rng.random(n) < probabilities**2, rng.integers(n // 3, size=n)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_the_score_is_sklearns(dtype):
    probabilities, labels, _ = cohort()
    assert compute_brier(probabilities, labels.astype(dtype)) == pytest.approx(brier_score_loss(labels, probabilities))


def test_the_interval_is_that_of_repeating_the_rows_of_drawn_patients():
    probabilities, labels, patients = cohort(60)
    index = np.unique(patients, return_inverse=True)[1]
    draws = np.concatenate(list(resampling.draw_weights(labels, index, 200, 4)))
    rows = [np.repeat(np.arange(60), draw[index].astype(int)) for draw in draws]
    naive = [brier_score_loss(labels[r], probabilities[r]) for r in rows]
    found = probability_metrics(probabilities, labels, patients, n_draws=200, seed=4)
    assert found["brier_ci95"] == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])))
    assert found["interval_method"] == "bootstrap"


def test_without_drawing_the_interval_is_nearly_the_same():
    cohort_ = cohort(3000)
    drawn = probability_metrics(*cohort_, n_draws=2000)
    linear = probability_metrics(*cohort_, n_draws=2000, max_resampled=0)
    assert linear["interval_method"] == "linearised"
    assert linear["brier_ci95"] == pytest.approx(drawn["brier_ci95"], abs=0.05 * np.ptp(drawn["brier_ci95"]))


def test_calibration_stands_beside_it():
    probabilities, labels, patients = cohort()
    found = probability_metrics(probabilities, labels, patients, n_draws=10, n_bins=5)
    share, mean = calibration_curve(labels, probabilities, n_bins=5)
    counts = np.histogram(probabilities, 5, (0, 1))[0]
    assert [b["share_abnormal"] for b in found["reliability"]] == pytest.approx(share)
    assert found["expected_calibration_error"] == pytest.approx(np.average(abs(share - mean), weights=counts))


def test_no_image_has_no_score():
    assert compute_brier([], []) is None


def test_what_is_no_probability_is_refused_with_its_image():
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]; got 1\.5 at image b\.png"):
        compute_brier([0.5, 1.5], [0, 1], ["a.png", "b.png"])
    with pytest.raises(ValueError, match="probabilities must be finite; NaN or infinite at index 0"):
        compute_brier([float("nan"), 0.5], [0, 1])
