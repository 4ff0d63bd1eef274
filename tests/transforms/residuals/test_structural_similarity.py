from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from imgae_monai.transforms.residuals import multiscale_ssim_distance, ssim_distance
from tests.transforms.residuals.pairs import random_pair


def skimage_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By scikit-image, with mirrored borders as ours."""
    mirrored = [np.pad(x.astype(np.float64), 10, mode="reflect") for x in (first, second)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    _, ssim = structural_similarity(*mirrored, full=True, **options)
    return 1 - ssim[(slice(10, -10),) * first.ndim]


@pytest.mark.parametrize("shape", [(32, 40), (24, 28, 24)])
def test_the_scales_are_those_of_scikit_image(shape):
    first, second = random_pair(1, 1, *shape)
    expected = torch.zeros(1, 1, *shape)
    for factor in (1, 2, 4):
        smaller = [downscale_local_mean(x[0, 0].numpy(), factor) for x in (first, second)]
        part = torch.from_numpy(skimage_distance(*smaller)).float()[None, None]
        mode = "bilinear" if len(shape) == 2 else "trilinear"
        expected += torch.nn.functional.interpolate(part, shape, mode=mode) / 3
    np.testing.assert_allclose(multiscale_ssim_distance(first, second).numpy(), expected.numpy(), atol=2e-4)


def test_a_coarse_scale_sees_what_the_window_is_too_narrow_for():
    image = torch.full((1, 1, 96, 96), 0.5)
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    image[0, 0] += 0.1 * torch.sin(rows / 14) * torch.sin(columns / 14)  # no structure within 11 pixels
    flat = torch.full((1, 1, 96, 96), 0.5)
    assert multiscale_ssim_distance(image, flat).mean() > 1.5 * ssim_distance(image, flat).mean()


def test_batches_and_channels():
    first, second = random_pair(2, 3, 24, 24)
    out = multiscale_ssim_distance(first, second)
    assert out.shape == (2, 1, 24, 24)
    alone = multiscale_ssim_distance(first[1:], second[1:])
    torch.testing.assert_close(out[1:], alone)
    by_channel = [multiscale_ssim_distance(first[:, c : c + 1], second[:, c : c + 1]) for c in range(3)]
    torch.testing.assert_close(out, torch.stack(by_channel).mean(0))


def test_an_image_too_small_is_refused():
    with pytest.raises(ValueError, match=r"a multi-scale SSIM map needs 24 pixels an axis or more, got \(24, 23\)"):
        multiscale_ssim_distance(torch.zeros(1, 1, 24, 23), torch.zeros(1, 1, 24, 23))
    with pytest.raises(ValueError, match=r"an SSIM map needs more than 5 pixels an axis, got \(5, 9\)"):
        ssim_distance(torch.zeros(1, 1, 5, 9), torch.zeros(1, 1, 5, 9))
