from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Gaussian


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


@pytest.mark.parametrize(("n", "d"), [(3, 1), (12, 2), (15, 40)])
def test_correlations_are_shrunk_as_scikit_learn_does(n, d):
    values = codes(n, d)
    scaler = StandardScaler().fit(values)
    expected = LedoitWolf().fit(scaler.transform(values)).mahalanobis(scaler.transform(values[:1] + 1))[0]
    assert Gaussian.fit(values).squared_distance(torch.from_numpy(values[0] + 1)).item() == pytest.approx(expected)


def test_units_of_the_axes_do_not_matter():
    values, units = codes(12, 20), np.geomspace(1e-4, 1e4, 20)
    value = torch.linspace(-1, 1, 20)
    expected = Gaussian.fit(values).squared_distance(value).item()
    found = Gaussian.fit(values * units).squared_distance(value.double() * torch.from_numpy(units)).item()
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_rounding_of_an_axis_that_is_the_same_for_all_counts_for_nothing(noise):
    values = np.hstack([codes(72, 2), np.full((72, 1), 0.1) + noise * codes(72, 1)])
    gaussian, value = Gaussian.fit(values), torch.from_numpy(values[0])
    moved = value + torch.tensor([0.0, 0.0, 1e-6])
    assert gaussian.squared_distance(moved).item() == pytest.approx(gaussian.squared_distance(value).item(), rel=1e-2)


def test_a_code_of_another_version_is_refused():
    with pytest.raises(InputError, match=r"the 2 axes of the calibration, got shape \(3,\): make a new one"):
        Gaussian.fit(codes(12, 2)).squared_distance(torch.zeros(3))


def test_more_axes_than_images_and_axes_without_variance_are_no_obstacle():
    values = np.hstack([codes(134, 64), np.zeros((134, 448))])
    seen = Gaussian.fit(values).squared_distance(torch.zeros(512).index_fill(0, torch.tensor(511), 10.0))
    unseen = Gaussian.fit(values).squared_distance(torch.zeros(512))
    assert seen > unseen


@pytest.mark.parametrize(
    ("values", "message"), [(np.ones((9, 2)), "are all the same"), (np.full((9, 2), np.inf), "not finite")]
)
def test_codes_without_any_distance_are_refused(values, message):
    with pytest.raises(InputError, match=f"codes of normal images .*{message}"):
        Gaussian.fit(values, "codes")
