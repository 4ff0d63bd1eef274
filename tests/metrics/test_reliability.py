from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from imgae_monai.metrics import expected_calibration_error, reliability_curve


@pytest.mark.parametrize("n_bins", [1, 5, 10, 64])
@pytest.mark.parametrize("decimals", [1, 8])
def test_the_curve_is_sklearns(n_bins, decimals):
    rng = np.random.default_rng(0)
    probabilities = np.round(rng.random(200), decimals)  # with one decimal many lie at a bound
    labels = rng.random(200) < probabilities
    share, mean = calibration_curve(labels, probabilities, n_bins=n_bins)
    curve = reliability_curve(probabilities, labels, n_bins)
    assert [b["share_abnormal"] for b in curve] == pytest.approx(share)
    assert [b["mean_probability"] for b in curve] == pytest.approx(mean)
    for b in curve:
        inside = (probabilities > b["low"]) & (probabilities <= b["high"]) | (probabilities == 0) & (b["low"] == 0)
        assert b["n"] == inside.sum()


def test_the_error_is_the_weighted_distance_from_the_diagonal():
    # three in the bin of 0.2: 1/3 abnormal; one in that of 0.9: abnormal
    curve = reliability_curve([0.2, 0.2, 0.2, 0.9], [0, 0, 1, 1])
    assert expected_calibration_error(curve) == pytest.approx(3 / 4 * (1 / 3 - 0.2) + 1 / 4 * 0.1)


def test_a_perfect_probability_has_no_error_and_no_image_none():
    assert expected_calibration_error(reliability_curve([0.0, 1.0, 1.0], [0, 1, 1])) == 0
    assert expected_calibration_error(reliability_curve([], [])) is None


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(ValueError, match=r"probabilities must lie in \[0, 1\]"):
        reliability_curve([0.5, value], [0, 1])


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 1; got 0"):
        reliability_curve([0.5], [0], n_bins=0)
