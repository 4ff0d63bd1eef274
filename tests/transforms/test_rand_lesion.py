from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, label

from imgae_monai.transforms import RandLesion

GREY = torch.full((1, 64, 64), 0.4)
TEXTURE = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
ROUND = {"aspect": 1.0, "irregularity": 0.0}


@pytest.mark.parametrize(("amplitude", "expected"), [(0.25, 0.4 + 0.25 * 0.6), (-0.25, 0.4 - 0.25 * 0.4)])
def test_the_middle_goes_its_share_of_the_way_to_white_or_black(amplitude, expected):
    out = RandLesion((0.2, 0.2), (amplitude, amplitude), core=0.3, softness=0.1).set_random_state(0)(GREY)
    middle = out.max() if amplitude > 0 else out.min()
    assert middle.item() == pytest.approx(expected, abs=1e-4)
    assert out[0, 0, 0].item() == pytest.approx(0.4, abs=1e-4)  # far away


@pytest.mark.parametrize("shape", [(64, 64), (24, 24, 24)])
@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_region_is_as_large_as_its_radius_says(shape, aspect):
    lesion = RandLesion((0.2, 0.2), (1, 1), softness=0.01, irregularity=0.0, aspect=aspect, core=0.1)
    inside = (lesion.set_random_state(3)(torch.full((1, *shape), 0.2)) > 0.6).sum().item()
    radius = 0.2 * shape[0]
    volume = np.pi * radius**2 if len(shape) == 2 else 4 / 3 * np.pi * radius**3
    assert inside == pytest.approx(volume, rel=0.06)


def test_the_weight_falls_over_the_softness():
    lesion = RandLesion((0.25, 0.25), (1, 1), softness=0.5, core=1e-6, **ROUND)
    weight = (lesion.set_random_state(0)(GREY)[0] - 0.4) / 0.6
    for column in (43, 47, 51):  # about 0.75, 1 and 1.25 radii from the centre, which is at 31.5
        distance = np.hypot(column - 31.5, 0.5) / 16
        expected = 1 / (1 + np.exp((distance - 1) * 4))
        assert weight[32, column].item() == pytest.approx(expected, abs=1e-3)


def test_texture_is_lost_inside_alone_and_brightness_is_not():
    lesion = RandLesion((0.2, 0.2), (0, 0), (1, 1), softness=0.05, core=1e-6, **ROUND)
    out = lesion.set_random_state(0)(TEXTURE)
    smooth = gaussian_filter(TEXTURE[0].numpy(), 0.03 * 64, mode="nearest")
    inside, outside = (slice(28, 36), slice(28, 36)), (slice(0, 8), slice(0, 8))
    assert np.allclose(out[0].numpy()[inside], smooth[inside], atol=1e-3)
    assert torch.allclose(out[0][outside], TEXTURE[0][outside], atol=1e-6)
    assert out.mean().item() == pytest.approx(TEXTURE.mean().item(), abs=0.005)


def test_the_number_of_regions():
    lesion = RandLesion((0.03, 0.03), (1, 1), number=(1, 3), softness=0.1, **ROUND).set_random_state(0)
    counts = [label((lesion(GREY)[0] > 0.7).numpy())[1] for _ in range(60)]
    assert set(counts) == {1, 2, 3}


def test_the_border_is_irregular():
    smooth, rough = (
        RandLesion((0.25, 0.25), (1, 1), aspect=1.0, irregularity=i, softness=0.01, core=1e-6).set_random_state(1)(GREY)
        for i in (0.0, 0.3)
    )
    y, x = np.nonzero((rough[0] > 0.7).numpy() != (smooth[0] > 0.7).numpy())
    assert len(x) > 50
    assert np.hypot(y - 31.5, x - 31.5).max() > 17


def test_the_air_around_a_patient_stays_black():
    image = GREY.clone()
    image[:, :, 32:] = 0
    out = RandLesion((0.5, 0.5), (1, 1), core=0.1).set_random_state(0)(image)
    assert out[:, :, :28].mean() > 0.6
    assert (out[:, :, 45:] < 1e-3).all()


def test_centres_lie_in_the_core():
    lesion = RandLesion((0.02, 0.02), (1, 1), core=0.2, softness=0.1, **ROUND).set_random_state(0)
    places = np.concatenate([np.argwhere((lesion(GREY)[0] > 0.8).numpy()) for _ in range(60)])
    assert places.min() >= 32 - 6.4 - 2
    assert places.max() <= 32 + 6.4 + 2
    assert places.std(axis=0).min() > 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"radius": (0.2, 0.1)}, r"radius must be two numbers .*, got \(0.2, 0.1\)"),
        ({"amplitude": (0, 1.5)}, "amplitude must be two numbers from -1 to 1"),
        ({"texture_loss": (-0.1, 1)}, "texture_loss must be two numbers from 0 to 1"),
        ({"number": (0, 1)}, "number must be two counts of at least 1"),
        ({"softness": 0}, "softness above 0"),
        ({"core": 0}, r"core must be in \(0, 1\], got 0"),
    ],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandLesion(**arguments)
