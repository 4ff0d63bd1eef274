from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from imgae_monai.transforms import RandCutPaste


def changed_box(before: torch.Tensor, after: torch.Tensor) -> list[tuple[int, int]]:
    """First and last index, an axis, of what has changed."""
    places = (before != after).any(dim=0).nonzero()
    return list(zip(places.amin(0).tolist(), places.amax(0).tolist(), strict=True))


def every_pixel_different(*shape: int) -> torch.Tensor:
    return (torch.arange(1.0, math.prod(shape) + 1) / (2 * math.prod(shape))).reshape(1, *shape)


@pytest.mark.parametrize("shape", [(20, 24), (8, 10, 12)])
def test_a_box_of_the_image_appears_at_another_place(shape):
    image = every_pixel_different(*shape)
    for seed in range(10):
        out = RandCutPaste(jitter=0).set_random_state(seed)(image)
        box = tuple(slice(first, last + 1) for first, last in changed_box(image, out))
        pasted = out[(slice(None), *box)]
        assert (pasted != image[(slice(None), *box)]).all()  # one box, and nothing between
        first = (image[0] == pasted.flatten()[0]).nonzero()[0].tolist()
        source = tuple(slice(f, f + side) for f, side in zip(first, pasted.shape[1:], strict=True))
        assert torch.equal(image[(slice(None), *source)], pasted)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    shape=st.lists(st.integers(10, 30), min_size=2, max_size=3),
    area=st.floats(0.02, 0.3),
    aspect=st.floats(0.5, 2.0),
    seed=st.integers(0, 99),
)
def test_sides_follow_area_and_aspect(shape, area, aspect, seed):
    image = every_pixel_different(*shape)
    out = RandCutPaste((area, area), (aspect, aspect), jitter=0).set_random_state(seed)(image)
    if torch.equal(out, image):  # pasted where it came from
        return
    sides = [last - first + 1 for first, last in changed_box(image, out)]
    # all further axes are 1/aspect of the first one, and the product is the share of the image
    first = (area * math.prod(shape) * aspect ** (len(shape) - 1)) ** (1 / len(shape))
    expected = [first, *[first / aspect] * (len(shape) - 1)]
    assert sides == [min(max(round(side), 1), size) for side, size in zip(expected, shape, strict=True)]


def test_shares_and_aspects_are_uniform_in_their_ranges():
    transform = RandCutPaste(jitter=0).set_random_state(3)
    shares, aspects = [], []
    for _ in range(400):
        transform.randomize((1000, 1000))
        height, width = ((s.stop - s.start) for s in transform._target[1:])
        shares.append(height * width / 1e6)
        aspects.append(math.log(height / width))
    assert kstest(shares, "uniform", (0.02, 0.13)).pvalue > 0.01
    assert kstest(aspects, "uniform", (math.log(0.3), -2 * math.log(0.3))).pvalue > 0.01


def test_both_places_are_uniform_and_reach_the_borders():
    transform = RandCutPaste((0.04, 0.04), (1, 1)).set_random_state(4)  # 200 of 1000 pixels
    places: list[list[int]] = []
    for _ in range(400):
        transform.randomize((1000, 1000))
        places.append([s.start for s in (*transform._source[1:], *transform._target[1:])])
    for starts in zip(*places, strict=True):
        assert kstest(starts, "uniform", (0, 800)).pvalue > 0.01
    transform = RandCutPaste((0.25, 0.25), (1, 1)).set_random_state(4)
    starts = set()
    for _ in range(50):
        transform.randomize((4, 4))
        starts.add(transform._target[1].start)
    assert starts == {0, 1, 2}


def test_brightness_and_contrast_change_by_the_jitter_at_most():
    image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    transform = RandCutPaste(jitter=0.2).set_random_state(5)
    seen = []
    for _ in range(200):
        out = transform(image)
        piece, pasted = image[transform._source], out[transform._target]
        brightness = (pasted.mean() / piece.mean()).item()
        contrast = (pasted.std() / (piece.std() * brightness)).item()
        seen.append((brightness, contrast))
    for values in zip(*seen, strict=True):
        assert 0.8 - 1e-5 <= min(values) < 0.82
        assert 1.18 < max(values) <= 1.2 + 1e-5


def test_a_bright_piece_stays_within_the_range():
    image = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0)).round()
    transform = RandCutPaste(jitter=0.5).set_random_state(6)
    for _ in range(20):
        out = transform(image)
        assert out.min() >= 0
        assert out.max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"area": (0.2, 0.1)}, r"area must be two shares of \(0, 1\], the smaller one first, got \(0.2, 0.1\)"),
        ({"area": (0, 0.1)}, r"got \(0, 0.1\)"),
        ({"aspect": (2, 1)}, r"aspect must be two positive numbers, the smaller one first, got \(2, 1\)"),
        ({"jitter": 1.5}, r"jitter must be in \[0, 1\], got 1.5"),
    ],
)
def test_bad_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandCutPaste(**arguments)
