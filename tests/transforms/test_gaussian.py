from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Gaussian, left_out_distances


def codes(n: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def test_distance_by_hand():
    gaussian = Gaussian(torch.tensor([1.0, 2.0]).double(), torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double())
    # (2, -1) P (2, -1)' = 8 - 2 + 1
    assert gaussian.squared_distance(torch.tensor([3.0, 1.0])).item() == 7.0


def test_with_many_images_it_is_the_plain_mahalanobis_distance():
    values = codes(50000, 3)
    value = torch.tensor([1.0, -2.0, 0.5])
    centred = value.numpy() - values.mean(axis=0)
    expected = centred @ np.linalg.inv(np.cov(values.T)) @ centred
    assert Gaussian.fit(values).squared_distance(value).item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("n", "d"), [(3, 1), (12, 2), (40, 7), (15, 40), (30, 1)])
def test_left_out_distances_are_those_of_a_refit_to_the_others(n, d):
    values = codes(n, d)
    refits = [LedoitWolf().fit(np.delete(values, i, axis=0)).mahalanobis(values[i : i + 1])[0] for i in range(n)]
    np.testing.assert_allclose(left_out_distances(values), refits, rtol=1e-6)


def test_an_image_that_helped_looks_nearer_than_one_that_did_not():
    values = codes(60, 30)
    fitted = Gaussian.fit(values)
    own = np.array([fitted.squared_distance(torch.from_numpy(value)).item() for value in values])
    assert (own < left_out_distances(values)).all()
    assert np.median(own) < 0.8 * np.median(left_out_distances(values))


def test_more_axes_than_images_and_axes_without_variance_are_no_obstacle():
    values = np.hstack([codes(134, 64), np.zeros((134, 448))])
    distances = left_out_distances(values)
    assert np.isfinite(distances).all()
    assert (distances > 0).all()
    seen = Gaussian.fit(values).squared_distance(torch.zeros(512).index_fill(0, torch.tensor(511), 10.0))
    unseen = Gaussian.fit(values).squared_distance(torch.zeros(512))
    assert seen > unseen


@pytest.mark.parametrize(
    ("values", "message"), [(np.ones((9, 2)), "are all the same"), (np.full((9, 2), np.inf), "not finite")]
)
def test_codes_without_any_distance_are_refused(values, message):
    with pytest.raises(InputError, match=f"codes of normal validation images .*{message}"):
        Gaussian.fit(values, "codes")
