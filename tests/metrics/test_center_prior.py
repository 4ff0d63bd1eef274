from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.metrics import center_prior, compute_localization, threshold_of_share


def test_the_maximum_is_in_the_middle_and_falls_alike_along_both_sides():
    prior = center_prior((5, 9))
    assert np.unravel_index(prior.argmax(), prior.shape) == (2, 4)
    np.testing.assert_allclose(prior, prior[::-1, ::-1])
    np.testing.assert_allclose(center_prior((15, 15))[1::3, 7], center_prior((5, 9))[:, 4])  # by share of the side
    assert prior[0, 4] == pytest.approx(np.exp(-0.5 * 1.6**2))  # 0.4 of the side off, at a quarter of it


def test_an_even_sides_four_middle_pixels_tie():
    truth = np.zeros((4, 4), dtype=bool)
    truth[:2, :2] = True
    assert compute_localization([center_prior((4, 4))], [truth], threshold=0.5)["pointing_game"] == 0.25


def test_a_volume_has_one_too():
    assert center_prior((3, 3, 3))[1, 1, 1] == 1


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_a_share_of_the_pixels_lies_above_its_threshold(share):
    maps = [np.random.default_rng(i).normal(size=(8, 5 + i)) for i in range(3)]
    threshold = threshold_of_share(maps, share)
    assert np.mean(np.concatenate([m.ravel() for m in maps]) > threshold) == pytest.approx(share, abs=1 / 144)


def test_shares_out_of_range_and_no_maps_are_refused():
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\]; got 20"):
        threshold_of_share([np.ones((2, 2))], 20)
    with pytest.raises(ValueError, match="maps hold no pixel"):
        threshold_of_share([np.ones((0, 2))], 0.2)
