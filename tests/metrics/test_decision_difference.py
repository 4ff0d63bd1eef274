"""Paired decisions, one image a patient and several."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from imgae_monai.metrics import decision_difference, mcnemar_test


def clusters(differences, size=3):
    """Decisions on abnormal images of patients with so many images on which only A (below 0: only B) is right."""
    a, b, patients = [], [], []
    for patient, d in enumerate(differences):
        a += [1] * max(d, 0) + [0] * max(-d, 0) + [1] * (size - abs(d))
        b += [0] * max(d, 0) + [1] * max(-d, 0) + [1] * (size - abs(d))
        patients += [patient] * size
    return a, b, [1] * len(a), patients


def test_several_images_a_patient_as_published():
    # the thyroids of Obuchowski 1998, table I: 21 patients whose differences add up to 6 and their squares to 12;
    # Durkalski et al., Statistics in Medicine 22, 2003 give chi2 = 2.86 for them, and 4.5 for McNemar without patients
    found = decision_difference(*clusters([2, 1, 1, 2, 1, -1] + 15 * [0]), of="sensitivity")
    assert found["method"] == "Obuchowski 1998, by patient"
    assert found["p_value"] == pytest.approx(chi2.sf(2.857142857, 1))
    assert found["p_value"] > chi2.sf(4.5, 1)
    assert (found["only_a_right"], found["only_b_right"]) == (7, 1)
    assert found["difference"] == pytest.approx(6 / 63)


def test_one_image_a_patient_is_mcnemars():
    rng = np.random.default_rng(0)
    a, b, labels = (rng.integers(0, 2, 200) for _ in range(3))
    for of, rows in {"sensitivity": labels == 1, "specificity": labels == 0, "accuracy": labels >= 0}.items():
        found = decision_difference(a, b, labels, np.arange(200), of=of)
        expected = mcnemar_test(a[rows], b[rows], labels[rows])
        assert found["method"] == "exact McNemar"
        assert found["p_value"] == expected["p_value"]
        assert found["difference"] == pytest.approx(found["a"] - found["b"])
        # Wald's interval of a paired difference, n - 1 for n
        n, d = rows.sum(), found["difference"]
        discordant = (expected["only_a_right"] + expected["only_b_right"]) / n
        half = 1.959964 * np.sqrt((discordant - d**2) / (n - 1))
        assert found["interval"] == pytest.approx((d - half, d + half), abs=1e-6)


def test_the_interval_is_that_of_resampled_patients():
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 5, 150)
    patients = np.repeat(np.arange(150), sizes)
    ease = rng.normal(size=150)[patients]  # of a patient, for both models
    a, b = ((ease + rng.normal(size=len(ease)) > bar).astype(int) for bar in (-1.0, 1.5))
    found = decision_difference(a, b, np.ones_like(a), patients, of="sensitivity")
    d, drawn = np.bincount(patients, weights=a - b), []
    for _ in range(4000):
        picks = rng.integers(150, size=150)
        drawn.append(d[picks].sum() / sizes[picks].sum())
    assert found["interval"] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)


def test_a_class_that_is_absent_is_undefined():
    found = decision_difference([0, 1], [0, 0], [0, 0], ["p", "q"], of="sensitivity")
    assert [found[key] for key in ("a", "b", "difference", "interval", "p_value", "cohen_h")] == [None] * 6
    assert found["n_images"] == 0


def test_equal_decisions_show_nothing():
    found = decision_difference(*clusters([0, 0, 0]), of="sensitivity")
    assert (found["difference"], found["interval"], found["p_value"]) == (0.0, None, 1.0)


def test_one_patient_alone_shows_nothing():
    found = decision_difference([1, 1], [0, 0], [1, 1], ["p", "p"], of="sensitivity")
    assert (found["difference"], found["interval"], found["p_value"]) == (1.0, None, None)


def test_what_is_to_be_compared_has_a_name():
    with pytest.raises(ValueError, match="of must be sensitivity, specificity or accuracy; got 'recall'"):
        decision_difference([0], [0], [0], ["p"], of="recall")
