"""Every knob of reading and augmenting images does what its name says, in training only where it is random."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset, set_track_meta
from monai.transforms import RandomizableTrait
from monai.utils import set_determinism
from PIL import Image
from skimage.exposure import equalize_adapthist

from tests.conftest import BUNDLES, REPO

STILL = {"rotation": 0, "translation": 0, "zoom": 0, "gamma": 0}
SIZE = 48


@pytest.fixture
def picture(tmp_path) -> str:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    grey = 60 + 2 * x + y + 40 * ((x - 12) ** 2 + (y - 30) ** 2 < 60)
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


def pipeline(split: str, bundle: str = "unet_autoencoder", **overrides):
    config = json.loads((REPO / "bundles" / bundle / "configs" / "train.json").read_text())
    parser = ConfigParser({**config, "image_size": SIZE, "corruptions": [], "clahe": False, **overrides})
    return parser.get_parsed_content(f"{split}#preprocessing")


def image(transform, picture: str) -> torch.Tensor:
    return transform({"image": picture})["image"]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_validation_and_calibration_images_are_exact(bundle, picture):
    transform = pipeline("validate", bundle)
    out = image(transform, picture)
    assert not any(isinstance(t, RandomizableTrait) for t in transform.flatten().transforms)
    assert torch.equal(out[0], torch.from_numpy(np.asarray(Image.open(picture), dtype=np.float32) / 255))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_without_augmentation_training_sees_the_same_image(bundle, picture):
    out = image(pipeline("train", bundle, **STILL), picture)
    assert type(out) is torch.Tensor
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, image(pipeline("validate", bundle), picture))


@pytest.mark.parametrize("knob", ["rotation", "translation", "zoom", "gamma"])
def test_each_knob_moves_the_training_image_by_itself(knob, picture):
    default = json.loads((REPO / "bundles" / "unet_autoencoder" / "configs" / "train.json").read_text())[knob]
    still = image(pipeline("validate"), picture)
    transform = pipeline("train", **{**STILL, knob: default, "augment_prob": 1.0})
    transform.set_random_state(seed=0)
    outs = [image(transform, picture) for _ in range(4)]
    assert all(float((out - still).abs().mean()) > 1e-3 for out in outs)
    assert not torch.equal(outs[0], outs[1])
    assert all(out.min() >= 0 and out.max() <= 1 for out in outs)


def test_augment_prob_is_the_share_that_changes(picture):
    still = image(pipeline("train", **STILL), picture)
    for prob, share in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        transform = pipeline("train", **{**STILL, "gamma": 0.2, "augment_prob": prob})
        transform.set_random_state(seed=0)
        changed = np.mean([not torch.allclose(image(transform, picture), still) for _ in range(200)])
        assert changed == pytest.approx(share, abs=0.1)


def test_a_chest_is_mirrored_only_when_asked(picture):
    still = image(pipeline("validate"), picture)
    mirrored = image(pipeline("train", **STILL, flip_prob=1.0), picture)
    torch.testing.assert_close(mirrored, still.flip(-1))
    default = pipeline("train", **STILL)
    assert all(torch.allclose(image(default, picture), still) for _ in range(20))


@pytest.mark.parametrize("split", ["train", "validate"])
def test_percentiles_stretch_and_clip(split, picture):
    grey = np.asarray(Image.open(picture), dtype=np.float32) / 255
    low, high = np.percentile(grey, [5, 90])
    out = image(pipeline(split, **STILL, lower_percentile=5, upper_percentile=90), picture)
    np.testing.assert_allclose(
        out[0], np.clip((grey - low) / (high - low), 0, 1), atol=3e-3 if split == "train" else 1e-5
    )


@pytest.mark.parametrize("split", ["train", "validate"])
def test_clahe_is_scikit_images(split, picture):
    grey = np.asarray(Image.open(picture), dtype=np.float32) / 255
    out = image(pipeline(split, **{**STILL, "clahe": True}), picture)
    np.testing.assert_allclose(out[0], equalize_adapthist(grey), atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_the_cached_type_is_named(dtype, picture):
    transform = pipeline("train", **STILL, cache_dtype=dtype)
    first_random = transform.get_index_of_first(lambda t: isinstance(t, RandomizableTrait))
    assert str(transform({"image": picture}, end=first_random)["image"].dtype) == f"torch.{dtype}"


@pytest.mark.parametrize("workers", [0, 2])
def test_the_seed_repeats_the_augmentation(workers, picture):
    def epoch(seed: int) -> torch.Tensor:
        set_determinism(seed)
        loader = DataLoader(Dataset([{"image": picture}] * 6, pipeline("train")), batch_size=2, num_workers=workers)
        batches = torch.cat([batch["image"] for batch in loader])
        set_determinism(None)
        return batches

    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))


def test_volumes_are_augmented_in_all_three_axes(tmp_path):
    nib = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).random((16, 16, 16), dtype=np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "v.nii.gz")
    volume = str(tmp_path / "v.nii.gz")
    shape = {"image_size": 16, "spatial_dims": 3}
    still = image(pipeline("validate", **shape), volume)
    out = image(pipeline("train", augment_prob=1.0, **shape), volume)
    assert out.shape == still.shape == (1, 16, 16, 16)
    assert float((out - still).abs().mean()) > 1e-3


def test_plain_tensors_come_out_whatever_monai_tracks(picture):
    set_track_meta(True)
    assert type(image(pipeline("train", augment_prob=1.0), picture)) is torch.Tensor
