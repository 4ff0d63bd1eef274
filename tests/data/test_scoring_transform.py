from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.transforms import Compose
from PIL import Image

from imgae_monai.data import ScoringTransform
from imgae_monai.exceptions import UnreadableImage
from imgae_monai.transforms import LoadGrayscaled, ResizeKeepAspectd

PREPROCESSING = Compose([LoadGrayscaled(), ResizeKeepAspectd("image", 8)])


@pytest.fixture
def items(tmp_path):
    """Three images, the second cut off."""
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (6, 10), dtype=np.uint8)).save(path)
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    return [{"image": str(path), "image_path": str(path), "index": i} for i, path in enumerate(paths)]


def test_an_image_is_what_the_preprocessing_makes_of_it_without_metadata(items):
    done = ScoringTransform(PREPROCESSING, 8)(items[0])
    expected = PREPROCESSING(dict(items[0]))["image"]
    assert type(done["image"]) is torch.Tensor
    assert type(expected) is MetaTensor
    assert torch.equal(done["image"], expected.as_tensor())
    assert {key: done[key] for key in ("image_path", "index", "reason")} == {
        **{key: items[0][key] for key in ("image_path", "index")},
        "reason": "",
    }


def test_an_image_that_cannot_be_read_ends_it_by_name(items):
    message = rf"cannot read {items[1]['image']}.* start the same command again, or add --unreadable row"
    with pytest.raises(UnreadableImage, match=message):
        ScoringTransform(PREPROCESSING, 8)(items[1])


def test_black_takes_its_place_in_the_batch(items):
    (batch,) = DataLoader(Dataset(items, ScoringTransform(PREPROCESSING, 8, unreadable="row")), batch_size=3)
    assert batch["image"].shape == (3, 1, 8, 8)
    assert not batch["image"][1].any()
    assert batch["reason"][0] == batch["reason"][2] == ""
    assert batch["reason"][1].startswith(f"cannot read {items[1]['image']}")
    assert batch["index"].tolist() == [0, 1, 2]


def test_any_other_error_is_not_taken_for_an_unreadable_image(items):
    def broken(data):
        raise ZeroDivisionError

    with pytest.raises(RuntimeError):
        ScoringTransform(Compose([broken]), 8, unreadable="row")(items[0])


def test_the_size_must_be_the_preprocessings_own(items):
    with pytest.raises(ValueError, match=r"became \(1, 8, 8\), expected \(1, 4, 4\)"):
        ScoringTransform(PREPROCESSING, 4)(items[0])
    with pytest.raises(ValueError, match="row"):
        ScoringTransform(PREPROCESSING, 8, unreadable="rows")
