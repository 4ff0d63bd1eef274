from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import prewitt
from skimage.transform import downscale_local_mean

from imgae_monai.transforms.residuals import gradient_magnitude_distance
from imgae_monai.transforms.residuals.gradient_magnitude import _distance
from tests.transforms.residuals.pairs import random_pair


def scipy_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Xue et al. 2014, with grey values of 0 to 255 as there."""
    magnitudes = []
    for array in (first, second):
        # scipy averages nothing: its filter's columns sum up to 3 for every other axis
        gradients = [
            prewitt(255 * array.astype(np.float64), axis, mode="mirror") / 3 ** (array.ndim - 1)
            for axis in range(array.ndim)
        ]
        magnitudes.append(np.sqrt(sum(g**2 for g in gradients)))
    a, b = magnitudes
    return 1 - (2 * a * b + 170) / (a**2 + b**2 + 170)


@pytest.mark.parametrize("shape", [(16, 21), (16, 17, 18)])
def test_one_scale_is_that_of_scipy(shape):
    first, second = random_pair(1, 1, *shape)
    expected = scipy_distance(first[0, 0].numpy(), second[0, 0].numpy())
    assert 0.2 < expected.max() < 1
    np.testing.assert_allclose(_distance(first, second)[0, 0].numpy(), expected, atol=1e-4)


def test_four_scales_are_averaged():
    first, second = random_pair(1, 1, 48, 32)
    expected = torch.zeros(1, 1, 48, 32)
    for factor in (1, 2, 4, 8):
        smaller = [downscale_local_mean(x[0, 0].numpy(), factor) for x in (first, second)]
        part = torch.from_numpy(scipy_distance(*smaller)).float()[None, None]
        expected += torch.nn.functional.interpolate(part, (48, 32), mode="bilinear") / 4
    np.testing.assert_allclose(gradient_magnitude_distance(first, second).numpy(), expected.numpy(), atol=1e-4)


def test_brightness_counts_for_nothing_and_a_missing_edge_does():
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 0.5
    assert gradient_magnitude_distance(step, step + 0.3).max() < 1e-6
    missing = gradient_magnitude_distance(step, torch.full_like(step, 0.25))
    assert missing[..., 15:17].min() > 0.9
    assert missing[..., 0].max() < 0.5


def test_a_flat_pair_has_a_gradient():
    image = torch.full((1, 1, 16, 16), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(gradient_magnitude_distance(image, torch.rand(1, 1, 16, 16)).sum(), image)
    assert torch.isfinite(gradient).all()


def test_an_image_too_small_is_refused():
    with pytest.raises(ValueError, match=r"a GMS map needs 16 pixels an axis or more, got \(16, 15\)"):
        gradient_magnitude_distance(torch.zeros(1, 1, 16, 15), torch.zeros(1, 1, 16, 15))
