from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from imgae_monai.transforms import RandMaskPatches

IMAGE = torch.rand(2, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.25


@pytest.mark.parametrize("shape", [(24, 16), (8, 12, 16)])
@pytest.mark.parametrize(("side", "fraction"), [(4, 0.2), (2, 1 / 3), (4, 1.0)])
def test_the_share_of_hidden_pixels_is_that_of_whole_cells(shape, side, fraction):
    image = torch.ones(1, *shape)
    n_pixels = image.numel()
    n_cells = n_pixels // side ** len(shape)
    transform = RandMaskPatches([side], fraction).set_random_state(0)
    for _ in range(3):
        hidden = transform(image) == 0
        assert hidden.sum() == round(fraction * n_cells) * side ** len(shape)
        assert (hidden.unfold(1, side, side).unfold(2, side, side).float().var(dim=(-1, -2)) == 0).all()


def test_every_cell_is_hidden_as_often_and_independently_of_its_neighbour():
    transform = RandMaskPatches([1], fraction=0.25).set_random_state(1)
    hidden = torch.stack([transform(torch.ones(1, 4, 4))[0] == 0 for _ in range(800)])
    counts = hidden.sum(0)
    assert counts.sum() == 800 * 4
    assert chisquare(counts.flatten().numpy()).pvalue > 0.01
    beside = (hidden[:, :, 1:] & hidden[:, :, :-1]).float().mean().item()
    assert beside == pytest.approx(0.25 * 3 / 15, rel=0.1)  # drawn without putting back


def test_the_last_cells_are_cut_where_the_image_ends():
    hidden = RandMaskPatches([4], fraction=1.0)(torch.ones(1, 6, 5)) == 0
    assert hidden.all()
    transform = RandMaskPatches([4], fraction=0.25).set_random_state(2)  # one of four cells
    assert {int((transform(torch.ones(1, 6, 5)) == 0).sum()) for _ in range(40)} == {16, 4, 8, 2}


def test_each_side_is_drawn_as_often():
    transform = RandMaskPatches([2, 4, 8], fraction=0.5).set_random_state(3)
    counts = {2: 0, 4: 0, 8: 0}
    for _ in range(300):
        hidden = transform(torch.ones(1, 16, 16))[0] == 0
        side = next(s for s in (8, 4, 2) if (hidden.unfold(0, s, s).unfold(1, s, s).float().var((-1, -2)) == 0).all())
        counts[side] += 1
    assert chisquare(list(counts.values())).pvalue > 0.01


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_constant(value):
    out = RandMaskPatches([4], 0.5, "constant", value).set_random_state(4)(IMAGE)
    hidden = out != IMAGE
    assert hidden.sum() == IMAGE.numel() / 2
    assert (out[hidden] == value).all()
    assert torch.equal(hidden[0], hidden[1])  # the same in all channels


def test_the_mean_of_each_channel():
    image = torch.stack([IMAGE[0], IMAGE[1] / 2])
    out = RandMaskPatches([4], 0.5, "mean").set_random_state(4)(image)
    for channel, before in zip(out, image, strict=True):
        assert torch.allclose(channel[channel != before], before.mean())


def test_noise_between_the_channels_extremes():
    image = torch.stack([IMAGE[0], IMAGE[1] / 2])
    transform = RandMaskPatches([4], 1.0, "noise").set_random_state(4)
    out = torch.stack([transform(image) for _ in range(20)])
    for index, channel in enumerate(image):
        low, high = channel.min().item(), channel.max().item()
        values = out[:, index]
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert values.mean().item() == pytest.approx((low + high) / 2, rel=0.01)
        assert values.std().item() == pytest.approx((high - low) / 12**0.5, rel=0.01)
        assert len(values.unique()) > 5000  # each pixel has its own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_sizes": []}, r"patch_sizes must be one or more numbers of at least 1 pixel, got \[\]"),
        ({"patch_sizes": [4, 0]}, r"got \[4, 0\]"),
        ({"fraction": 0}, r"fraction must be in \(0, 1\], got 0"),
        ({"value": 2}, r"value must be in \[0, 1\], got 2"),
        ({"fill": "noize"}, "noise"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RandMaskPatches(**arguments)
