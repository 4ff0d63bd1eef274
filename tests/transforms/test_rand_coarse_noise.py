from __future__ import annotations

import numpy as np
import pytest
import torch

from imgae_monai.transforms import RandCoarseNoise

GREY = torch.full((1, 24, 24), 0.5)


def noises(transform: RandCoarseNoise, image: torch.Tensor, n: int) -> torch.Tensor:
    return torch.stack([transform(image) - image for _ in range(n)])


def left_of_the_variance(size: int, resolution: int, seamless: bool) -> float:
    """Mean over an axis of (1 - t)^2 + t^2, t being the way from one point of the grid to the next."""
    step = resolution / size if seamless else (resolution - 1) / (size - 1)
    t = (np.arange(size) * step) % 1
    return float(np.mean((1 - t) ** 2 + t**2))


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize(("shape", "resolution"), [((24, 24), (5, 5)), ((8, 12, 10), (3, 4, 3)), ((24, 16), (24, 4))])
def test_the_noise_has_the_deviation_that_interpolation_leaves(shape, resolution, seamless):
    transform = RandCoarseNoise(resolution, std=0.2, seamless=seamless).set_random_state(1)
    found = noises(transform, torch.full((1, *shape), 0.5), 400)
    shares = [left_of_the_variance(s, r, seamless) for s, r in zip(shape, resolution, strict=True)]
    assert found.std().item() == pytest.approx(0.2 * np.sqrt(np.prod(shares)), rel=0.05)
    assert found.mean().item() == pytest.approx(0, abs=0.01)


def test_a_grid_of_every_pixel_keeps_the_whole_deviation():
    found = noises(RandCoarseNoise(100, std=0.1).set_random_state(2), GREY, 50)
    assert found.std().item() == pytest.approx(0.1, rel=0.02)


def test_the_default_is_that_of_the_source():
    image = torch.full((1, 128, 128), 0.5)
    found = noises(RandCoarseNoise().set_random_state(3), image, 60)
    share = left_of_the_variance(128, 16, seamless=False)
    assert found.std().item() == pytest.approx(0.2 * share, rel=0.05)
    assert found.std().item() == pytest.approx(0.2 * 2 / 3, rel=0.05)


@pytest.mark.parametrize("seamless", [False, True])
def test_no_place_gets_more_noise_than_another(seamless):
    """Without the shift, pixels at the grid's points would have more than twice the deviation of those between."""
    transform = RandCoarseNoise(3, seamless=seamless).set_random_state(4)
    deviation = noises(transform, torch.full((1, 9, 9), 0.5), 3000).std(dim=0)
    assert deviation.max() / deviation.min() < 1.1


def test_the_noise_is_smooth_between_the_grids_points():
    """A linear piece rises by no more than the range of its ends, over as many pixels as lie between them."""
    transform = RandCoarseNoise(4, seamless=True).set_random_state(5)
    steps = []
    for noise in noises(transform, GREY, 20):
        rises = [(noise - noise.roll(1, axis)).abs().max() for axis in (1, 2)]
        assert max(rises) <= (noise.max() - noise.min()) * 4 / 24 + 1e-6
        steps.append(max(rises))
    with_seam = noises(RandCoarseNoise(4).set_random_state(5), GREY, 20)
    seams = torch.stack([(noise - noise.roll(1, 1)).abs().max() for noise in with_seam])
    assert seams.median() > 2 * torch.stack(steps).median()


def test_channels_have_noise_of_their_own():
    found = noises(RandCoarseNoise(6).set_random_state(6), torch.full((2, 24, 24), 0.5), 100).transpose(0, 1)
    assert abs(np.corrcoef(found.flatten(1).numpy())[0, 1]) < 0.1


def test_the_background_stays_as_it_is():
    image = GREY.clone()
    image[:, :12] = 0.01
    out = RandCoarseNoise().set_random_state(0)(image)
    assert torch.equal(out[:, :12], image[:, :12])
    assert (out[:, 12:] != image[:, 12:]).all()
    assert (RandCoarseNoise(foreground_above=None).set_random_state(0)(image) != image).all()
    two = torch.cat([image, torch.full_like(image, 0.001)])  # channels are summed
    assert (RandCoarseNoise().set_random_state(0)(two)[:, :12] != two[:, :12]).all()


def test_the_sum_is_cut_where_that_is_asked_for():
    image = torch.full((1, 24, 24), 0.95)
    loose = RandCoarseNoise().set_random_state(0)(image)
    assert loose.max() > 1
    cut = RandCoarseNoise(clip=True).set_random_state(0)(image)
    assert torch.equal(cut, loose.clamp(0, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resolution": 0}, "resolution must be at least 1 point an axis, got 0"),
        ({"resolution": (4, 0)}, r"got \(4, 0\)"),
        ({"std": -0.1}, "std must not be negative, got -0.1"),
    ],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandCoarseNoise(**arguments)
