from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.exposure import equalize_adapthist
from skimage.exposure._adapthist import clip_histogram

from imgae_monai.export import BatchedCLAHE
from imgae_monai.export.hand_out import hand_out
from imgae_monai.transforms import CLAHE
from tests.conftest import SHARED

SIZES = [(16, 16), (32, 32), (64, 64), (24, 40), (33, 47), (100, 60), (7, 9), (12, 16, 20), (9, 16, 4)]


def batch(*size: int) -> torch.Tensor:
    """Images with every kind of histogram, (B, 1, H, W[, D])."""
    rng = np.random.default_rng(0)
    spike = np.zeros(size)
    spike.flat[3] = 1
    kinds = [
        rng.random(size),
        rng.random(size) ** 6,
        0.3 * rng.random(size) + 0.2,
        rng.normal(0.5, 0.01, size).clip(0, 1),
        (rng.random(size) > 0.9).astype(float),
        rng.integers(0, 256, size) / 255,
        np.linspace(0, 1, size[0]).reshape(-1, *[1] * (len(size) - 1)) * np.ones(size),
        0.3 + 1e-5 * rng.random(size),  # less than a level of 16 bits
        1.4 * rng.random(size) - 0.2,  # out of range
        spike,
        *(np.full(size, value) for value in (0.0, 0.3, 1.0)),
    ]
    return torch.tensor(np.stack(kinds), dtype=torch.float32)[:, None]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_each_image_is_that_of_the_transform_to_the_bit(size):
    images = batch(*size)
    assert torch.equal(BatchedCLAHE(size)(images), torch.stack([CLAHE()(image) for image in images]))


@pytest.mark.parametrize("options", [{"clip_limit": 0.05}, {"clip_limit": 0.001}, {"kernel_size": 5}])
def test_it_is_scikit_images_with_options(options):
    images = batch(40, 32)[:6]
    out = BatchedCLAHE((40, 32), **options)(images)
    for equalised, image in zip(out, images, strict=True):
        assert np.array_equal(equalised[0], equalize_adapthist(image[0].numpy(), **options))


@pytest.mark.parametrize(("folder", "size"), [("kermany224/val/normal", 224), ("brain_mri128/test/abnormal", 96)])
def test_real_images_are_equal_to_the_bit(folder, size):
    files = sorted((SHARED / "data" / folder).glob("*"))[:12]
    if not files:
        pytest.skip(f"no images in {SHARED / 'data' / folder}")
    pictures = [Image.open(file).convert("L").resize((size, size)) for file in files]
    images = torch.tensor(np.stack(pictures) / 255, dtype=torch.float32)[:, None]
    assert torch.equal(BatchedCLAHE((size, size))(images), torch.stack([CLAHE()(image) for image in images]))


@pytest.mark.parametrize("n_pixels", [1, 16, 64, 256, 1000, 4096])
def test_what_was_clipped_is_handed_out_as_by_scikit_image(n_pixels):
    rng = np.random.default_rng(n_pixels)
    clip = max(1, n_pixels // 100)
    weights = [rng.random(256) ** power for power in (0.1, 1, 5, 30)]
    for step in (2, 3, 7, 64):
        weights.append((np.arange(256) % step == 0) + 1e-6)
        weights.append((np.arange(256) // step == 3) + 1e-6)
    histograms = [np.bincount(rng.choice(256, n_pixels, p=w / w.sum()), minlength=256) for w in weights * 5]
    got = BatchedCLAHE((8 * clip, 8))  # any, for its clipping
    got.clip = clip
    clipped = got._clipped(torch.tensor(np.stack(histograms), dtype=torch.float32)[None])[0]
    assert np.array_equal(clipped, np.stack([clip_histogram(h.copy(), clip) for h in histograms]))


def test_what_no_bin_has_room_for_is_dropped():
    full = torch.full((2, 4), 3.0)
    assert torch.equal(hand_out(torch.arange(4.0), 3, full, torch.tensor([[5.0], [0.0]])), full)


def test_a_trace_takes_as_many_rounds_as_an_image_needs():
    model, images = BatchedCLAHE((32, 32)), batch(32, 32)
    traced = torch.jit.trace(model, images[-2:], check_trace=False)  # constant images need none
    assert torch.equal(traced(images), model(images))
