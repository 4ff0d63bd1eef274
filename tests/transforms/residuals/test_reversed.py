from __future__ import annotations

import functools

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.exposure import equalize_adapthist

from imgae_monai.transforms.residuals import feature_distance, reversed_distance
from tests.transforms.residuals.pairs import random_pair
from tests.transforms.residuals.small_network import SmallNetwork


def squared(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).square()


def test_it_is_the_product_of_its_three_parts():
    x, y = random_pair(1, 1, 40, 40)
    equalised = [equalize_adapthist(images[0, 0].numpy().astype(np.float64)) for images in (x, y)]
    difference = equalised[0] - equalised[1]
    saliency = [gaussian_filter(d**2, 2.0, mode="mirror") for d in ((x - y)[0, 0].numpy().astype(float), difference)]
    expected = np.abs(difference) * saliency[0] * saliency[1]
    out = reversed_distance(squared, x, y)[0, 0].numpy()
    # MONAI's Gaussian is integrated over each pixel, scipy's is sampled
    np.testing.assert_allclose(out, expected, rtol=0.05, atol=0.002 * expected.max())


def test_a_place_counts_only_where_features_differ_too():
    x, y = random_pair(1, 1, 48, 48)

    def left(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        distance = torch.zeros_like(first)
        distance[..., :16] = 1.0
        return distance

    out = reversed_distance(left, x, y)[0, 0]
    assert out[:, :8].mean() > 0.02
    assert out[:, 30:].max() < 1e-6


def test_batches_volumes_and_features():
    x, y = random_pair(2, 1, 16, 16)
    distance = functools.partial(feature_distance, SmallNetwork())
    out = reversed_distance(distance, x, y)
    assert out.shape == (2, 1, 16, 16)
    assert out.min() >= 0 < out.max()
    assert not out.requires_grad
    torch.testing.assert_close(out[1:], reversed_distance(distance, x[1:], y[1:]))
    assert torch.equal(reversed_distance(distance, x, x), torch.zeros_like(x))
    volumes = random_pair(1, 1, 16, 16, 18)
    assert reversed_distance(functools.partial(feature_distance, SmallNetwork(3)), *volumes).shape == (1, 1, 16, 16, 18)
