from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from imgae_monai.metrics import compute_specificity_curve

RNG = np.random.default_rng(0)
VALIDATION = RNG.normal(size=137)
SCORES = RNG.normal(0.3, 1.0, size=90)
LABELS = np.arange(90) % 3 == 0


def test_points_and_intervals_are_those_of_scipy_where_every_image_is_a_patient():
    curve = compute_specificity_curve(VALIDATION, SCORES, LABELS, range(90))
    assert curve["nominal"] == pytest.approx(np.arange(0.05, 0.951, 0.05))
    assert (curve["interval_method"], curve["n_validation"], curve["n_test"]) == ("clopper-pearson", 137, 60)
    normals = SCORES[~LABELS]
    for nominal, observed, interval in zip(curve["nominal"], curve["observed"], curve["interval"], strict=True):
        # the smallest validation score with at least that share of them below or at it, as the threshold is set
        limit = np.sort(VALIDATION)[int(np.ceil(nominal * 136 - 1e-9))]
        count = int((normals <= limit).sum())
        assert observed == pytest.approx(count / 60)
        expected = binomtest(count, 60).proportion_ci(0.95, method="exact")
        assert interval == pytest.approx([expected.low, expected.high])


def test_patients_of_several_images_are_drawn_whole():
    n = 40
    scores, patients = np.repeat(RNG.normal(size=n), 5), np.repeat(np.arange(n), 5)  # five equal images a patient
    curve = compute_specificity_curve(VALIDATION, scores, np.zeros(5 * n), patients)
    assert (curve["interval_method"], curve["n_test"]) == ("bootstrap", 200)
    alone = compute_specificity_curve(VALIDATION, scores[::5], np.zeros(n), range(n))
    naive = compute_specificity_curve(VALIDATION, scores, np.zeros(5 * n), range(5 * n))
    assert curve["observed"] == pytest.approx(alone["observed"])
    widths = [np.diff(c["interval"][9])[0] for c in (curve, alone, naive)]
    assert widths[0] == pytest.approx(widths[1], rel=0.2)
    assert widths[2] < 0.6 * widths[0]


def test_one_patient_of_several_images_has_no_interval():
    curve = compute_specificity_curve(VALIDATION, [0.0, 1.0, 2.0], [0, 0, 1], ["p", "p", "q"])
    assert set(curve["interval"]) == {None}
    json.dumps(curve, allow_nan=False)


def test_no_normals_or_no_validation_scores_give_none():
    assert compute_specificity_curve((), SCORES, LABELS, range(90)) is None
    assert compute_specificity_curve(VALIDATION, SCORES, np.ones(90), range(90)) is None


def test_a_score_at_the_threshold_is_normal():
    curve = compute_specificity_curve([1.0] * 20, [1.0, 1.0, 2.0], [0, 0, 0], "abc")
    assert set(curve["observed"]) == {2 / 3}


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="normal_scores must be finite"):
        compute_specificity_curve([0.0, np.nan], SCORES, LABELS, range(90))


def test_of_many_patients_the_formula_takes_the_place_of_draws(monkeypatch):
    patients = RNG.integers(0, 150, size=400)
    scores = RNG.normal(size=150)[patients] + 0.3 * RNG.normal(size=400)
    drawn = compute_specificity_curve(VALIDATION, scores, np.zeros(400), patients)
    monkeypatch.setattr("imgae_monai.metrics.specificity_curve._MAX_PATIENTS", 100)
    formula = compute_specificity_curve(VALIDATION, scores, np.zeros(400), patients)
    assert (drawn["interval_method"], formula["interval_method"]) == ("bootstrap", "linearised")
    np.testing.assert_allclose(formula["interval"][3:16], drawn["interval"][3:16], atol=0.012)


@pytest.mark.parametrize("most", [100, 1])
def test_where_all_agree_the_interval_is_exact_over_patients(most, monkeypatch):
    monkeypatch.setattr("imgae_monai.metrics.specificity_curve._MAX_PATIENTS", most)
    curve = compute_specificity_curve(VALIDATION, [-9.0] * 12, np.zeros(12), np.arange(12) // 2)
    assert set(curve["observed"]) == {1.0}
    expected = binomtest(6, 6).proportion_ci(0.95, method="exact")
    assert curve["interval"][0] == pytest.approx([expected.low, 1.0])
