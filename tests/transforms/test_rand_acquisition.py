from __future__ import annotations

import numpy as np
import pytest
import torch

from imgae_monai.transforms import RandAcquisition, RandAcquisitiond

NOTHING = {"rotation": 0.0, "translation": 0.0, "zoom": 0.0, "gamma": 0.0, "blur": 0.0, "noise": 0.0}
IMAGE = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
VOLUME = torch.rand(1, 12, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
SPOT = torch.zeros(1, 65, 65)
SPOT[0, 31:34, 47:50] = 1  # sixteen pixels right of the middle


def centre(image: torch.Tensor) -> np.ndarray:
    grid = np.stack(np.meshgrid(*map(np.arange, image.shape[1:]), indexing="ij"), axis=-1)
    weight = image[0].numpy()
    return (grid * weight[..., None]).sum(axis=(0, 1)) / weight.sum()


def draws(image: torch.Tensor, n: int = 200, **ids: float) -> list[torch.Tensor]:
    vary = RandAcquisition(**{**NOTHING, **ids}).set_random_state(0)
    return [vary(image) for _ in range(n)]


@pytest.mark.parametrize("image", [IMAGE, VOLUME])
def test_nothing_is_changed_where_nothing_may_be(image):
    assert torch.allclose(draws(image, 1)[0], image, atol=1e-5)
    assert torch.equal(RandAcquisition(prob=0.0)(image), image)


def test_the_image_turns_around_its_middle_by_at_most_so_much():
    moved = [centre(image) - 32 for image in draws(SPOT, rotation=10.0)]
    angles = [np.degrees(np.arctan2(y, x)) for y, x in moved]
    assert 9 < max(angles) < 10.3
    assert -10.3 < min(angles) < -9
    assert [np.hypot(*m) for m in moved] == pytest.approx([16] * 200, abs=0.2)


def test_shifts_and_zooms_are_shares_of_the_axes():
    shifts = np.array([centre(image) - (32, 48) for image in draws(SPOT, translation=0.1)])
    assert np.abs(shifts).max(axis=0) == pytest.approx([6.5, 6.5], abs=0.3)
    widths = [float(image.sum()) for image in draws(SPOT, zoom=0.2)]
    assert max(widths) == pytest.approx(9 / 0.8**2, rel=0.1)
    assert min(widths) == pytest.approx(9 / 1.2**2, rel=0.1)


def test_the_exposure_is_a_power_within_its_bounds():
    flat = torch.full((1, 8, 8), 0.5)
    powers = [float(torch.log(image[0, 4, 4]) / np.log(0.5)) for image in draws(flat, gamma=0.25)]
    assert 1.2 < max(powers) <= 1.2501
    assert 0.7999 <= min(powers) < 0.83
    assert np.mean(np.log(powers)) == pytest.approx(0, abs=0.02)


def test_blur_and_noise():
    spreads = [float(image.std()) for image in draws(IMAGE, blur=0.1)]
    assert max(spreads) <= float(IMAGE.std()) + 1e-6
    assert min(spreads) < 0.4 * float(IMAGE.std())
    noise = [float((image - IMAGE).std()) for image in draws(IMAGE, noise=0.02)]
    assert 0.018 < max(noise) < 0.021
    assert min(noise) < 0.002


@pytest.mark.parametrize("shape", [(1, 24, 16), (1, 12, 10, 8)])
def test_blur_does_not_darken_the_edges(shape):
    for image in draws(torch.full(shape, 0.5), 20, blur=0.2):
        assert image.shape == shape
        assert torch.allclose(image, torch.tensor(0.5), atol=1e-3)


@pytest.mark.parametrize("image", [IMAGE, VOLUME])
def test_values_type_and_input_stay(image):
    before = image.clone()
    for dtype in (torch.float32, torch.float64):
        out = RandAcquisition(noise=0.5).set_random_state(1)(image.to(dtype))
        assert out.dtype == dtype
        assert out.shape == image.shape
        assert out.min() >= 0
        assert out.max() <= 1
    assert torch.equal(image, before)


def test_the_draw_follows_from_the_random_state_and_all_keys_share_it():
    first, second = (RandAcquisitiond(["image", "other"]).set_random_state(3) for _ in range(2))
    torch.manual_seed(0)
    expected = first({"image": IMAGE, "other": IMAGE.clone()})
    torch.manual_seed(1)
    found = second({"image": IMAGE, "other": IMAGE.clone()})
    assert torch.equal(expected["image"], found["image"])
    assert torch.equal(expected["image"], expected["other"])
    assert not torch.equal(first({"image": IMAGE, "other": IMAGE})["image"], expected["image"])


@pytest.mark.parametrize("name", NOTHING)
def test_negative_numbers_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must not be negative, got -1"):
        RandAcquisition(**{name: -1.0})
