from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.data import read_image
from imgae_monai.exceptions import InputError


def saved(path, array) -> str:
    np.save(path, array)
    return str(path)


@pytest.mark.parametrize(("dtype", "maximum"), [(np.uint8, 255), (np.uint16, 65535)])
def test_grey_images_are_divided_by_their_bit_depth(tmp_path, dtype, maximum):
    array = np.random.default_rng(0).integers(0, maximum + 1, (5, 6, 7), dtype=dtype)
    path = saved(tmp_path / "a.npy", array)
    for i in (0, 3, 4):
        image = read_image(f"{path}#{i}")
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, array[i] / maximum, atol=1e-7)


def test_colour_becomes_luminance(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    image = read_image(f"{saved(tmp_path / 'a.npy', array)}#1")
    # ITU-R 601, rounded to 8 bits
    np.testing.assert_allclose(image * 255, array[1] @ [0.299, 0.587, 0.114], atol=1.01)
    assert image.shape == (4, 5)


def test_a_single_channel_is_dropped_and_a_third_axis_is_a_volume(tmp_path):
    grey = np.arange(24, dtype=np.uint8).reshape(2, 4, 3, 1)
    np.testing.assert_allclose(read_image(f"{saved(tmp_path / 'g.npy', grey)}#1"), grey[1, ..., 0] / 255)
    stack = np.random.default_rng(0).integers(0, 256, (2, 6, 4, 5), dtype=np.uint8)
    volume = read_image(f"{saved(tmp_path / 'v.npy', stack)}#1")
    assert volume.shape == (4, 5, 6)  # (D, H, W) to (H, W, D)
    np.testing.assert_allclose(volume[..., 2], stack[1, 2] / 255, atol=1e-7)


def test_an_array_without_an_index_is_one_image(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_allclose(read_image(saved(tmp_path / "a.npy", array)), array / 255)


def test_a_rewritten_file_is_read_anew(tmp_path):
    path = saved(tmp_path / "a.npy", np.zeros((2, 3, 3), dtype=np.uint8))
    assert read_image(f"{path}#0").max() == 0
    saved(path, np.full((2, 3, 3), 255, dtype=np.uint8))
    assert read_image(f"{path}#0").min() == 1


@pytest.mark.parametrize("fragment", ["2", "-1", "1.0", "x", "1/0"])
def test_an_index_out_of_range_is_refused(tmp_path, fragment):
    path = saved(tmp_path / "a.npy", np.zeros((2, 3, 3), dtype=np.uint8))
    with pytest.raises(
        InputError, match=rf"cannot read .*a\.npy#{fragment}: no image #{fragment} in an array of shape"
    ):
        read_image(f"{path}#{fragment}")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3, 3), dtype=np.float32), "dtype float32, expected uint8"),
        (np.zeros((2, 3, 3, 3), dtype=np.uint16), "colour of dtype uint16, expected uint8"),
        (np.zeros((2, 3, 3, 4, 5), dtype=np.uint8), r"an image of shape \(3, 3, 4, 5\)"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path, array, message):
    with pytest.raises(InputError, match=rf"cannot read .*a\.npy#0: {message}"):
        read_image(f"{saved(tmp_path / 'a.npy', array)}#0")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}, None, None], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"cannot read .*a\.npy#0"):
        read_image(f"{tmp_path / 'a.npy'}#0")


def test_a_truncated_file_is_named(tmp_path):
    path = saved(tmp_path / "a.npy", np.zeros((20, 30, 30), dtype=np.uint8))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(whole[:500])
    with pytest.raises(InputError, match=r"cannot read .*a\.npy#19"):
        read_image(f"{path}#19")
