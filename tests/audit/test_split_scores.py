from __future__ import annotations

import shutil

import numpy as np
import pytest

from imgae_monai.audit import no_model_scores, scan_images, score_split
from imgae_monai.data import load_datalist
from imgae_monai.exceptions import InputError


@pytest.fixture(scope="module")
def items(phantoms):
    return load_datalist(phantoms).items


@pytest.fixture(scope="module")
def split(items):
    return (
        [i["image"] for i in items if i["split"] == "test"],
        [i for i in items if (i["split"], i["label"]) == ("train", 0)],
    )


def test_scores_are_those_of_the_audit(items, split):
    images, train = split
    measured = dict(zip([i["image"] for i in items], scan_images(items), strict=True))
    expected = no_model_scores([measured[i["image"]] for i in train], [measured[i] for i in images])
    scores, n_train = score_split(images, train)
    assert n_train == len(train) == 24
    assert scores.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(scores[name], expected[name])


def test_chunks_change_nothing(split, monkeypatch):
    images, train = split
    whole, _ = score_split(images, train)
    monkeypatch.setattr("imgae_monai.audit.split_scores._CHUNK", 7)
    parts, _ = score_split(images, train)
    for name in whole:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-9)


def test_training_images_that_changed_or_went_are_not_fitted_to(split, tmp_path):
    images, train = split
    train = [dict(item) for item in train]
    shutil.copy(images[0], tmp_path / "other.png")
    train[0] |= {"image": str(tmp_path / "other.png")}  # not the bytes that its hash is of
    train[1] |= {"image": str(tmp_path / "gone.png")}
    scores, n_train = score_split(images, train)
    assert n_train == 22
    expected, _ = score_split(images, train[2:])
    np.testing.assert_array_equal(scores["pca_residual"], expected["pca_residual"])


def test_training_images_are_capped(split, monkeypatch):
    images, train = split
    monkeypatch.setattr("imgae_monai.audit.split_scores.MAX_TRAIN_SMALL", 10)
    assert score_split(images, train)[1] == 10


def test_without_training_images_the_statistics_remain(split):
    scores, n_train = score_split(split[0], [])
    assert n_train == 0
    assert "minus_mean_gradient" in scores
    assert not {"pca_residual", "l2_to_mean"} & scores.keys()


def test_an_image_that_cannot_be_read_is_named(split, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"1 image\(s\) can't be read: .*bad\.png"):
        score_split([*split[0], str(tmp_path / "bad.png")], [])
