from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from imgae_monai.audit import measure_image
from imgae_monai.audit.measurement import shrink_image
from tests.data.medical_files import nifti


def texture(height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)


def test_an_image_is_measured_by_hand(tmp_path):
    image = np.zeros((4, 5), np.uint8)
    image[0] = 255
    Image.fromarray(image).save(tmp_path / "a.png")
    m = measure_image(str(tmp_path / "a.png"), small_size=10)
    assert (m.error, m.height, m.width, m.depth, m.mode) == (None, 4, 5, 1, "grey, 8 bits")
    assert not m.constant
    assert m.flat_share == pytest.approx(15 / 20)
    assert m.statistics["mean"] == pytest.approx(0.25)
    assert m.statistics["aspect"] == 5 / 4
    assert m.small.shape == (10, 10)
    assert m.thumbnail.shape == (32, 32)


def test_the_same_pixels_have_one_hash_in_any_lossless_encoding(tmp_path):
    grey = texture()
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(grey).save(tmp_path / "a.bmp")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "wide.png")
    Image.fromarray(grey).convert("RGB").save(tmp_path / "colour.png")
    Image.fromarray(grey.T.copy()).save(tmp_path / "turned.png")
    found = {p.name: measure_image(str(p)) for p in tmp_path.iterdir()}
    assert len({found[n].pixel_hash for n in ("a.png", "a.bmp", "wide.png", "colour.png")}) == 1
    assert found["turned.png"].pixel_hash != found["a.png"].pixel_hash
    assert len({m.sha256 for m in found.values()}) == 5
    assert found["wide.png"].mode == "grey, 16 bits"
    assert found["colour.png"].mode == "colour"


@pytest.mark.parametrize(
    ("content", "truncated", "reason"),
    [(b"", True, "empty"), ("half", True, "truncated"), (b"<html>" * 9, False, "cannot identify")],
)
def test_an_unreadable_file_is_measured_as_such(content, truncated, reason, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(texture()).save(path)
    path.write_bytes(path.read_bytes()[:200] if content == "half" else content)
    m = measure_image(str(path))
    assert m.truncated is truncated
    assert reason in m.error
    assert m.thumbnail is None


@pytest.mark.parametrize("name", ["truncated.png", "end of file.png", "0 bytes.png", "premature"])
@pytest.mark.parametrize("content", [b"<html>" * 9, b""])
def test_only_the_reason_tells_what_is_truncated(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    m = measure_image(str(path))
    assert m.error is not None
    assert m.truncated is (content == b"")


def test_slices_carry_the_hash_of_their_volumes_file(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    found = [measure_image(image) for image in (f"{path}#2/1", f"{path}#0/2", str(path))]
    assert [(m.error, m.sha256, m.volume_sha256) for m in found] == [
        (None, "", expected),
        (None, "", expected),
        (None, expected, expected),
    ]
    nifti(path, np.arange(60, dtype=np.int16).reshape(5, 4, 3))
    os.utime(path, ns=(1, 1))
    assert measure_image(f"{path}#2/1").volume_sha256 == hashlib.sha256(path.read_bytes()).hexdigest() != expected


def test_a_missing_file_and_a_single_row_are_named(tmp_path):
    assert "no such file" in measure_image(str(tmp_path / "nowhere.png")).error.lower()
    Image.new("L", (9, 1)).save(tmp_path / "row.png")
    assert "1 x 9 pixels, expected at least 2 x 2" in measure_image(str(tmp_path / "row.png")).error


def test_an_image_inside_a_container_has_no_file_of_its_own(tmp_path):
    np.save(tmp_path / "stack.npy", np.stack([texture(), texture() // 2]))
    m = measure_image(f"{tmp_path}/stack.npy#1")
    assert m.error is None
    assert m.sha256 == ""
    assert "minus_file_size" not in m.statistics


def test_shrinking_keeps_the_aspect_and_the_mean():
    grey = np.full((50, 100), 0.6, np.float32)
    small = shrink_image(grey, 20)
    assert small[5:15] == pytest.approx(0.6)
    assert small[:5].max() == small[15:].max() == 0
