"""What is tested between two models, and the correction over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from imgae_monai.metrics import bootstrap_auroc_difference, delong_test, linearised_auroc_difference
from imgae_monai.report import pairs
from imgae_monai.report.pairs import add_holm, compare_pair, detectable_difference
from tests.report.made_up import made_up

PATIENTS = np.arange(60) // 2


def test_a_pair_holds_every_test():
    a, b = made_up("a"), made_up("b", draw=3, shift=0.3)
    found = compare_pair(a, b, PATIENTS, n_draws=300, seed=4)
    data = (a.scores, b.scores, a.labels, PATIENTS)
    drawn = bootstrap_auroc_difference(*data, n_draws=300, seed=4)
    assert found["auroc"]["delong"] == delong_test(*data)
    assert found["auroc"]["bootstrap"] == {key: drawn[key] for key in ("difference", "interval", "p_value")}
    assert found["average_precision"]["interval"] == drawn["average_precision_interval"]
    assert found["decisions"]["sensitivity"]["n_images"] == 30
    assert found["decisions"]["accuracy"]["difference"] == pytest.approx(
        np.mean(a.decisions == a.labels) - np.mean(b.decisions == b.labels)
    )
    distances = found["auroc"]["d_prime"]
    assert distances["difference"] == pytest.approx(distances["a"] - distances["b"])


def test_many_images_are_not_resampled(monkeypatch):
    monkeypatch.setattr(pairs, "MAX_RESAMPLED", 1000)
    a, b = made_up("a"), made_up("b", draw=3)
    found = compare_pair(a, b, PATIENTS, n_draws=300)
    expected = linearised_auroc_difference(a.scores, b.scores, a.labels, PATIENTS)
    assert found["auroc"]["bootstrap"] is None
    assert found["interval_method"] == "linearised"
    assert found["average_precision"]["interval"] == expected["average_precision_interval"]


def test_without_decisions_none_are_compared():
    found = compare_pair(made_up("a"), made_up("b", decisions=None), PATIENTS, n_draws=50)
    assert found["decisions"] is None


def test_a_study_that_can_just_see_a_difference_sees_it_in_80_percent():
    # a difference of exactly that size exceeds 1.96 standard errors with a chance of 80 %
    assert norm.sf(norm.ppf(0.975) - detectable_difference(0.02) / 0.02) == pytest.approx(0.8)
    assert detectable_difference(None) is None


def test_few_seeds_can_show_little():
    # quantiles of t by its table: 12.706 and 1.376 for one degree of freedom
    assert detectable_difference(0.02, 1) == pytest.approx(0.02 * (12.706 + 1.376), abs=1e-4)


def test_holm_is_within_each_kind_of_test():
    def pair(delong, precision, decided):
        return {
            "auroc": {"delong": {"p_value": delong}, "bootstrap": None},
            "average_precision": {"p_value": precision},
            "decisions": None if decided is None else {"sensitivity": {"p_value": decided}},
        }

    found = [pair(0.01, 0.5, 0.03), pair(0.02, None, None), pair(0.04, 0.01, 0.02)]
    add_holm(found)
    assert [p["auroc"]["delong"]["p_holm"] for p in found] == pytest.approx([0.03, 0.04, 0.04])
    assert [p["average_precision"]["p_holm"] for p in found] == [0.5, None, 0.02]
    assert [p["decisions"]["sensitivity"]["p_holm"] for p in found if p["decisions"]] == [0.04, 0.04]
