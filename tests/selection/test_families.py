from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from imgae_monai.cli.bundle_config import bundles_root
from imgae_monai.selection import changed_pixels, corruption_families

NAMES = [
    *("opacity", "haze", "nodules", "texture_loss", "dark_region", "distortion"),
    *("coarse_noise", "cut_paste", "foreign_patch", "masked_patches"),
]


def image(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), shape[0] / 40)
    return torch.from_numpy(0.5 + 0.15 * noise / noise.std()).float().clamp(0.05, 0.95)[None]


FLAT, OTHER = image((64, 64), 0), image((64, 64), 1)


def test_the_names():
    assert list(corruption_families()) == NAMES
    assert all(family.name == name for name, family in corruption_families().items())


def test_what_they_are_trained_by_are_names_of_corruptions():
    """As the bundles' id has them; a misspelt one would not be left out."""
    config = json.loads((bundles_root() / "unet_autoencoder" / "configs" / "train.json").read_text())
    known = set(config["corruption"]["transforms"])
    trained_by = {family.corruption for family in corruption_families().values()} - {""}
    assert trained_by == known
    assert corruption_families()["haze"].corruption == "lesion"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(64, 64), (16, 18, 20)])
def test_an_image_is_changed_within_its_range_and_the_input_is_not(name, shape):
    x, other = image(shape, 0), image(shape, 1)
    before = x.clone()
    out = corruption_families()[name](x, "a.png", other=other)
    assert out.shape == x.shape
    assert out.dtype == torch.float32
    assert type(out) is torch.Tensor
    assert torch.equal(x, before)
    assert 0 <= out.min() <= out.max() <= 1
    assert changed_pixels(x, out, least=1e-4).any()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_drawn_follows_from_reference_draw_and_seed_alone(name):
    family = corruption_families()[name]
    first = family(FLAT, "a.png", other=OTHER)
    torch.manual_seed(1)
    np.random.seed(1)
    family(FLAT, "b.png", other=OTHER)
    assert torch.equal(corruption_families()[name](FLAT, "a.png", other=OTHER), first)
    for different in (("b.png", 0, 0), ("a.png", 1, 0), ("a.png", 0, 1)):
        assert not torch.equal(family(FLAT, *different, other=OTHER), first)


def test_families_of_one_transform_are_drawn_apart():
    """Or the same place would be hit in each, and families would tell the same."""
    found = [corruption_families()[name](FLAT, "a.png") for name in ("opacity", "dark_region")]
    assert (found[0] - FLAT).abs().argmax() != (found[1] - FLAT).abs().argmax()


def test_what_each_family_does():
    families = corruption_families()
    draws = {name: [families[name](FLAT, str(i), other=OTHER) for i in range(20)] for name in NAMES}
    change = {name: torch.stack(outs) - FLAT for name, outs in draws.items()}
    assert min(float(c.mean()) for c in change["opacity"]) > 0
    assert max(float(c.mean()) for c in change["dark_region"]) < 0
    share = {n: np.mean([changed_pixels(FLAT, out).mean() for out in outs]) for n, outs in draws.items()}
    assert share["nodules"] < share["opacity"] < share["haze"]
    assert change["texture_loss"].mean().abs() < 0.005
    for name in set(NAMES) - {"distortion"}:  # which moves all of what is fine texture throughout here
        assert change[name].abs().mean() < 0.09, name


def test_the_same_anomaly_at_two_resolutions():
    flat = [torch.full((1, n, n), 0.4) for n in (64, 128)]
    small, large = (corruption_families()["haze"](x, "a.png") - 0.4 for x in flat)
    assert small.max().item() == pytest.approx(large.max().item(), rel=0.05)
    assert (small > 0.02).float().mean().item() == pytest.approx((large > 0.02).float().mean().item(), abs=0.1)


def test_a_foreign_patch_takes_another_image():
    with pytest.raises(ValueError, match="'foreign_patch' takes another image, got None"):
        corruption_families()["foreign_patch"](FLAT, "a.png")
    out = corruption_families()["foreign_patch"](FLAT, "a.png", other=OTHER)
    weight = ((out - FLAT) / (OTHER - FLAT))[out != FLAT]
    assert weight.std() < 1e-2
    assert 0.05 <= weight.mean() <= 0.95


def test_changed_pixels():
    changed = FLAT.clone()
    changed[0, 3, 5] += 0.03
    changed[0, 4, 5] -= 0.01
    assert np.argwhere(changed_pixels(FLAT, changed)).tolist() == [[3, 5]]
