from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import convolve1d, gaussian_filter
from scipy.stats import norm
from skimage.metrics import structural_similarity

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import CLAHE, ResidualMap, ResidualMapd
from imgae_monai.transforms.residual_map import (
    RESIDUALS,
    RESIDUALS_OF_CLAHE,
    ResidualMapD,
    ResidualMapDict,
    is_differentiable,
)
from tests.transforms.residuals.lpips_file import write_lpips
from tests.transforms.residuals.pairs import random_pair
from tests.transforms.residuals.small_network import SmallNetwork

LPIPS_RESIDUALS = ("lpips", "reversed_lpips")


@pytest.fixture(scope="module")
def lpips_weights(tmp_path_factory):
    return write_lpips(tmp_path_factory.mktemp("weights") / "lpips.pt")


@pytest.fixture
def residual_map(lpips_weights):
    """Makes one with what any residual needs."""

    def make(residual, sigma=0.0, clahe=False, shape=(1, 24, 24)) -> ResidualMap:
        return ResidualMap(residual, sigma, clahe, SmallNetwork(len(shape) - 1, shape[0]), lpips_weights)

    return make


def skimage_residual(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    _, ssim = structural_similarity(
        first.astype(np.float64),
        second.astype(np.float64),
        full=True,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
    )
    return 1 - ssim


def blurred(array: torch.Tensor, sigma: float) -> np.ndarray:
    """Convolved with a Gaussian integrated over each pixel, mirrored at the borders."""
    x = np.arange(-9, 10)
    kernel = norm.cdf((x + 0.5) / sigma) - norm.cdf((x - 0.5) / sigma)
    rows = convolve1d(array[0].numpy().astype(np.float64), kernel, axis=0, mode="mirror")
    return convolve1d(rows, kernel, axis=1, mode="mirror")


@pytest.mark.parametrize(
    ("residual", "expected"), [("l1", [[[0.0, 0.25], [0.5, 1.0]]]), ("l2", [[[0.0, 0.0625], [0.25, 1.0]]])]
)
def test_one_channel_by_hand(residual, expected):
    image = torch.tensor([[[0.5, 0.75], [0.0, 1.0]]])
    reconstruction = torch.tensor([[[0.5, 0.5], [0.5, 0.0]]])
    assert torch.equal(ResidualMap(residual)(image, reconstruction), torch.tensor(expected))


@pytest.mark.parametrize(("residual", "expected"), [("l1", [[[0.5, 0.25]]]), ("l2", [[[0.25, 0.125]]])])
def test_channels_are_averaged_after_the_norm(residual, expected):
    image = torch.tensor([[[0.5, 0.5]], [[0.0, 0.5]]])
    reconstruction = torch.tensor([[[0.0, 0.0]], [[0.5, 0.5]]])  # signed differences +0.5 and -0.5 must not cancel
    assert torch.equal(ResidualMap(residual)(image, reconstruction), torch.tensor(expected))


def test_ssim_agrees_with_scikit_image_inside():
    first, second = random_pair(1, 40, 32)
    out = ResidualMap("ssim")(first, second)
    assert out.shape == (1, 40, 32)
    expected = skimage_residual(first[0].numpy(), second[0].numpy())
    np.testing.assert_allclose(out[0, 5:-5, 5:-5].numpy(), expected[5:-5, 5:-5], atol=1e-4)


def test_ssim_agrees_with_scikit_image_up_to_the_mirrored_border():
    first, second = random_pair(1, 20, 24)
    mirrored = [np.pad(x[0].numpy(), 10, mode="reflect") for x in (first, second)]
    expected = skimage_residual(*mirrored)[10:-10, 10:-10]
    np.testing.assert_allclose(ResidualMap("ssim")(first, second)[0].numpy(), expected, atol=1e-4)


def test_ssim_of_a_volume_agrees_with_scikit_image_inside():
    first, second = random_pair(1, 14, 15, 16)
    out = ResidualMap("ssim")(first, second)
    assert out.shape == (1, 14, 15, 16)
    expected = skimage_residual(first[0].numpy(), second[0].numpy())
    np.testing.assert_allclose(out[0, 5:-5, 5:-5, 5:-5].numpy(), expected[5:-5, 5:-5, 5:-5], atol=1e-4)


def test_ssim_of_channels_is_the_mean_of_theirs():
    first, second = random_pair(2, 16, 16)
    by_channel = [ResidualMap("ssim")(first[c : c + 1], second[c : c + 1]) for c in range(2)]
    assert (by_channel[0] - by_channel[1]).abs().max() > 0.01
    torch.testing.assert_close(ResidualMap("ssim")(first, second), (by_channel[0] + by_channel[1]) / 2)


def test_ssim_residual_exceeds_one_where_the_structure_is_inverted():
    first, _ = random_pair(1, 16, 16)
    assert ResidualMap("ssim")(first, 1 - first).max() > 1


@pytest.mark.parametrize("residual", [r for r in RESIDUALS if r != "gradient"])
def test_a_perfect_reconstruction_leaves_nothing(residual, residual_map):
    image, _ = random_pair(1, 24, 24)
    torch.testing.assert_close(residual_map(residual)(image, image), torch.zeros(1, 24, 24), rtol=0, atol=1e-5)


@pytest.mark.parametrize("residual", ["l1", "l2"])
def test_smoothing_cancels_what_alternates_in_sign(residual):
    checkers = torch.from_numpy((np.indices((40, 40)).sum(axis=0) % 2).astype(np.float32))[None]
    assert torch.equal(ResidualMap(residual)(checkers, 1 - checkers), torch.ones(1, 40, 40))
    smoothed = ResidualMap(residual, smoothing_sigma=2.0)(checkers, 1 - checkers)
    assert smoothed[0, 10:-10, 10:-10].max() < 1e-3


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("residual", ["l1", "l2"])
def test_smoothing_keeps_a_region_that_differs_as_a_whole(residual, sign):
    image, reconstruction = torch.full((1, 40, 40), 0.5), torch.full((1, 40, 40), 0.5)
    image[:, 8:32, 8:32] += 0.5 * sign
    smoothed = ResidualMap(residual, smoothing_sigma=2.0)(image, reconstruction)
    height = {"l1": 0.5, "l2": 0.25}[residual]
    torch.testing.assert_close(smoothed[:, 18:22, 18:22], torch.full((1, 4, 4), height), rtol=0, atol=1e-3)
    assert smoothed[0, 0, 0] < 1e-6


def test_smoothing_is_a_gaussian_over_the_signed_difference():
    first, second = random_pair(1, 40, 40)
    expected = blurred(first - second, 2.0)
    assert np.abs(expected).max() > 0.05
    for residual, power in (("l1", 1), ("l2", 2)):
        out = ResidualMap(residual, smoothing_sigma=2.0)(first, second)[0].numpy()
        np.testing.assert_allclose(out, np.abs(expected) ** power, atol=1e-4)


def test_smoothing_the_absolute_difference_would_leave_a_mean_score_as_it_was():
    """The reason for smoothing before the norm: only so does the mean of a noisy map fall."""
    first, second = random_pair(1, 64, 64)
    rough = (first - second).abs()[0].numpy().astype(np.float64)
    after = gaussian_filter(rough, 2.0, mode="reflect")
    before = ResidualMap("l1", smoothing_sigma=2.0)(first, second)
    assert after.mean() == pytest.approx(rough.mean(), rel=1e-6)
    assert before.mean().item() < 0.3 * rough.mean()


def test_an_ssim_map_is_smoothed_as_it_is():
    first, second = random_pair(1, 40, 40)
    rough = ResidualMap("ssim")(first, second)
    smoothed = ResidualMap("ssim", smoothing_sigma=2.0)(first, second)
    np.testing.assert_allclose(smoothed[0].numpy(), blurred(rough, 2.0), atol=1e-3)
    assert smoothed.max() < rough.max() - 0.05


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("shape", [(1, 24, 32), (3, 25, 30), (2, 24, 25, 26)])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_map_has_one_channel_the_images_size_and_no_negative_value(residual, shape, sigma, residual_map):
    transform, pair = residual_map(residual, sigma, shape=shape), random_pair(*shape)
    if len(shape) == 4 and residual in LPIPS_RESIDUALS:
        with pytest.raises(ValueError, match="LPIPS takes 2-D images"):
            transform(*pair)
        return
    out = transform(*pair)
    assert out.shape == (1, *shape[1:])
    assert out.min() >= 0
    assert out.max() > 0
    assert not out.requires_grad


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_metadata_of_the_image_is_kept(residual, sigma, residual_map):
    image, reconstruction = random_pair(1, 24, 24)
    tracked = MetaTensor(image, meta={"filename_or_obj": "a.png"})
    transform = residual_map(residual, sigma)
    out = transform(tracked, reconstruction)
    assert out.meta["filename_or_obj"] == "a.png"
    torch.testing.assert_close(out.as_tensor(), torch.Tensor(transform(image, reconstruction)))


@pytest.mark.parametrize("residual", RESIDUALS)
def test_shapes_that_differ_are_refused(residual, residual_map):
    message = r"image \(1, 16, 16\) and reconstruction \(1, 16, 8\) differ in shape"
    with pytest.raises(ValueError, match=message):
        residual_map(residual)(torch.zeros(1, 16, 16), torch.zeros(1, 16, 8))


@pytest.mark.parametrize("residual", RESIDUALS_OF_CLAHE)
def test_clahe_is_of_both_and_comes_first(residual, residual_map):
    image, reconstruction = random_pair(1, 32, 40)
    tracked = MetaTensor(image, meta={"filename_or_obj": "a.png"})
    out = residual_map(residual, 1.0, clahe=True)(tracked, reconstruction)
    plain = residual_map(residual, 1.0)
    expected = plain(CLAHE()(image), CLAHE()(reconstruction))
    assert out.meta["filename_or_obj"] == "a.png"
    assert torch.equal(out.as_tensor(), expected)
    assert (expected - plain(image, reconstruction)).abs().max() > 0.001


@pytest.mark.parametrize("residual", sorted({*RESIDUALS} - {*RESIDUALS_OF_CLAHE}))
def test_clahe_is_refused_where_it_has_no_effect(residual, residual_map):
    with pytest.raises(ValueError, match=f"residual_clahe has no effect with residual '{residual}'"):
        residual_map(residual, clahe=True)


@pytest.mark.parametrize("residual", RESIDUALS)
@pytest.mark.parametrize("clahe", [False, True])
def test_a_gradient_is_given_or_refused(residual, clahe, residual_map):
    if clahe and residual not in RESIDUALS_OF_CLAHE:
        return
    image, reconstruction = random_pair(1, 24, 24)
    transform = residual_map(residual, clahe=clahe)
    image.requires_grad_()
    if is_differentiable(residual, clahe):
        (gradient,) = torch.autograd.grad(transform(image, reconstruction).sum(), image)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0
    else:
        with pytest.raises(InputError, match="CLAHE has no derivative"):
            transform(image, reconstruction)


@pytest.mark.parametrize("residual", ["features", "gradient", "reversed"])
def test_without_the_network_it_says_what_is_missing(residual):
    with pytest.raises(InputError, match=rf"the residual '{residual}' needs the network, .* got none"):
        ResidualMap(residual)


@pytest.mark.parametrize("residual", ["features", "reversed"])
def test_a_network_without_features_is_refused(residual):
    with pytest.raises(InputError, match=r"'\w+' compares what a network's features\(x\) gives.*; Conv2d has no such"):
        ResidualMap(residual, network=torch.nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize("residual", LPIPS_RESIDUALS)
def test_without_weights_lpips_says_what_is_missing(residual):
    with pytest.raises(InputError, match="LPIPS needs weights"):
        ResidualMap(residual, network=SmallNetwork())


def test_an_axis_too_short_for_ssim_is_refused():
    for shape in ((16, 5), (5, 16), (8, 9, 5)):
        with pytest.raises(ValueError, match=re.escape(f"an SSIM map needs more than 5 pixels an axis, got {shape}")):
            ResidualMap("ssim")(torch.zeros(1, *shape), torch.zeros(1, *shape))
    assert ResidualMap("ssim")(torch.zeros(1, 16, 6), torch.ones(1, 16, 6)).min() > 0.9


def test_bad_options_are_explained():
    with pytest.raises(ValueError, match="did you mean 'ssim'"):
        ResidualMap("sim")
    with pytest.raises(ValueError, match=r"smoothing_sigma must not be negative, got -0\.5"):
        ResidualMap("l1", smoothing_sigma=-0.5)


def test_dictionary_version_adds_the_map():
    image, reconstruction = random_pair(1, 4, 4)
    data = {"image": image, "pred": reconstruction, "label": 1}
    out = ResidualMapd(residual="l2")(data)
    assert set(out) == {"image", "pred", "label", "anomaly_map"}
    assert set(data) == {"image", "pred", "label"}
    torch.testing.assert_close(out["anomaly_map"], (image - reconstruction) ** 2)


def test_dictionary_version_takes_other_keys():
    image, reconstruction = random_pair(1, 4, 4)
    transform = ResidualMapd("restored", image_key="scan", output_key="heat")
    torch.testing.assert_close(
        transform({"scan": image, "restored": reconstruction})["heat"], (image - reconstruction).abs()
    )


@pytest.mark.parametrize("residual", ["features", *LPIPS_RESIDUALS])
def test_dictionary_version_takes_network_and_weights(residual, residual_map, lpips_weights):
    image, reconstruction = random_pair(1, 24, 24)
    transform = ResidualMapd(residual=residual, network=SmallNetwork(), lpips_weights=lpips_weights)
    out = transform({"image": image, "pred": reconstruction})["anomaly_map"]
    assert torch.equal(out, residual_map(residual)(image, reconstruction))


def test_dictionary_version_equalises():
    image, reconstruction = random_pair(1, 16, 16)
    out = ResidualMapd(residual_clahe=True)({"image": image, "pred": reconstruction})
    assert torch.equal(out["anomaly_map"], (CLAHE()(image) - CLAHE()(reconstruction)).abs())


def test_dictionary_version_and_missing_keys():
    image, _ = random_pair(1, 4, 4)
    with pytest.raises(KeyError, match="pred"):
        ResidualMapd()({"image": image})
    assert set(ResidualMapd(allow_missing_keys=True)({"image": image})) == {"image"}


def test_dictionary_version_takes_one_reconstruction():
    with pytest.raises(ValueError, match=r"keys must name one reconstruction, got \('a', 'b'\)"):
        ResidualMapd(["a", "b"])


def test_aliases_are_the_dictionary_version():
    assert ResidualMapD is ResidualMapDict is ResidualMapd


def test_smoothing_does_not_dim_the_borders():
    image, reconstruction = torch.full((1, 24, 20), 0.75), torch.full((1, 24, 20), 0.25)
    smoothed = ResidualMap("l1", smoothing_sigma=2.0)(image, reconstruction)
    torch.testing.assert_close(smoothed, torch.full((1, 24, 20), 0.5), rtol=0, atol=1e-3)
