from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import EncodedImage, image_reader, picture_reader, read_image
from imgae_monai.data.image_reader import is_image_file
from imgae_monai.data.windows import percentile_range, scale_to_unit
from imgae_monai.exceptions import InputError

GREY = np.array([[0, 1, 100], [128, 200, 255]], dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "is_image"),
    [
        *((name, True) for name in ("a.PNG", "a.jpeg", "a.dcm", "a.Nii", "a.nii.GZ", "1.2.dicom")),
        *((name, False) for name in ("a.gz", "a.npy", "a.tif", "nii", "dcm", "a.txt")),
    ],
)
def test_image_files_are_known_by_their_names(tmp_path, name, is_image):
    (tmp_path / name).write_bytes(b"text")
    assert is_image_file(tmp_path / name) is is_image


@pytest.mark.parametrize("error", [AttributeError("no such tag"), KeyError("x"), MemoryError(), RecursionError("deep")])
def test_whatever_a_decoder_raises_names_the_file_and_keeps_its_cause(tmp_path, monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(image_reader, "read_picture", fail)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(InputError, match=rf"cannot read .*a\.png: {type(error).__name__}:.*; replace it") as caught:
        read_image(tmp_path / "a.png")
    assert caught.value.__cause__ is error


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    monkeypatch.setattr(picture_reader, "MAX_PIXELS", 5)
    with pytest.raises(InputError, match=r"a\.png: 2 x 3 pixels, expected at most 5"):
        read_image(tmp_path / "a.png")


def test_an_encoded_image_is_read_as_its_file_and_named_where_it_is_damaged():
    stream = io.BytesIO()
    Image.fromarray(GREY).save(stream, format="PNG")
    whole = stream.getvalue()
    np.testing.assert_array_equal(read_image(EncodedImage(whole, "hf://x#1")), GREY.astype(np.float32) / 255)
    with pytest.raises(InputError, match="cannot read hf://x#1: "):
        read_image(EncodedImage(whole[:40], "hf://x#1"))


def test_the_window_of_a_picture_does_not_matter(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    for window in ("auto", "percentile", "full"):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png", window), GREY.astype(np.float32) / 255)
    with pytest.raises(ValueError, match="full"):
        read_image(tmp_path / "a.png", "ful")


def test_percentiles_and_where_they_meet():
    assert percentile_range(np.arange(1001)) == (5, 995)
    assert percentile_range(np.array([3] * 999 + [9])) == (3, 9)
    assert percentile_range(np.full(5, 4)) == (4, 4)
    assert percentile_range(np.array([])) == (0, 0)


def test_scaling_clips_and_leaves_no_nan():
    assert scale_to_unit(np.array([-5, 0, 5, 20]), 0, 10).tolist() == [0, 0, 0.5, 1]
    assert scale_to_unit(np.array([4.0, 4.0]), 4, 4).tolist() == [0, 0]
    assert scale_to_unit(np.zeros((0, 3)), 0, 1).shape == (0, 3)
    extreme = scale_to_unit(np.array([-3e38, 0, 3e38], dtype=np.float32), -3e38, 3e38)
    np.testing.assert_allclose(extreme, [0, 0.5, 1])
    assert extreme.dtype == np.float32


def test_scaling_in_blocks_is_scaling_at_once(monkeypatch):
    values = np.random.default_rng(0).normal(size=(13, 7, 3)).astype(np.float32)
    at_once = scale_to_unit(values, -1, 1)
    monkeypatch.setattr("imgae_monai.data.windows._BLOCK", 40)
    np.testing.assert_array_equal(scale_to_unit(values, -1, 1), at_once)
