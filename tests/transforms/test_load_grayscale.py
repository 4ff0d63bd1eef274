from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from PIL import Image

from imgae_monai.data import read_image
from imgae_monai.data.picture_reader import to_unit_grayscale
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import LoadGrayscale, LoadGrayscaled
from imgae_monai.transforms.load_grayscale import LoadGrayscaleD, LoadGrayscaleDict
from tests.data.medical_files import nifti

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "io_samples" / "other"
GREY = np.array([[0, 1, 100], [128, 200, 255]], dtype=np.uint8)
RED, GREEN, BLUE = 0.299, 0.587, 0.114  # ITU-R 601
STEP = 1 / 255


def save(path: Path, array: np.ndarray, mode: str | None = None, **options) -> Path:
    image = Image.fromarray(array)
    assert mode in (None, image.mode)
    image.save(path, **options)
    return path


def palette_png(path: Path, **options) -> Path:
    """Index 0 is red, 1 green, 2 blue: by its codes the picture would be all but black."""
    indexed = Image.frombytes("P", (2, 2), bytes([0, 1, 2, 2]))
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    indexed.save(path, **options)
    with Image.open(path) as stored:
        assert stored.mode == "P"
        assert ("transparency" in stored.info) == ("transparency" in options)
    return path


def encoded(suffix: str) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (9, 13), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, format={".png": "PNG", ".jpg": "JPEG", ".bmp": "BMP"}[suffix])
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp"])
def test_eight_bit_grey_is_divided_by_255_rows_first(tmp_path, name):
    image = LoadGrayscale()(save(tmp_path / name, GREY, "L"))
    assert image.shape == (1, 2, 3)
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image[0].numpy(), GREY.astype(np.float32) / 255)


def test_jpeg_is_rows_first(tmp_path):
    left_dark = np.repeat(np.repeat(np.array([[20, 220]], dtype=np.uint8), 8, axis=0), 12, axis=1)
    image = LoadGrayscale()(save(tmp_path / "a.jpeg", left_dark, "L", quality=100))
    assert image.shape == (1, 8, 24)
    np.testing.assert_allclose(image[0].numpy(), left_dark / 255, atol=2 * STEP)


def test_bilevel_is_zero_and_one(tmp_path):
    bits = np.array([[False, True, True], [True, False, False]])
    image = LoadGrayscale()(save(tmp_path / "a.png", bits, "1"))
    np.testing.assert_array_equal(image[0].numpy(), bits.astype(np.float32))


def test_sixteen_bit_keeps_proportions_and_does_not_saturate(tmp_path):
    values = np.array([[0, 255, 256], [1000, 30000, 65535]], dtype=np.uint16)
    image = LoadGrayscale()(save(tmp_path / "a.png", values, "I;16"))
    np.testing.assert_allclose(image[0].numpy(), values / 65535, rtol=1e-6)
    assert len(image.unique()) == 6


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_every_sixteen_bit_mode_has_one_scale(mode):
    values = np.array([[0, 300], [40000, 65535]])
    dtype = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode]
    image = Image.frombytes(mode, (2, 2), values.astype(dtype).tobytes())
    np.testing.assert_allclose(np.asarray(to_unit_grayscale(image)), values / 65535, rtol=1e-6)


def test_grey_with_alpha_is_composited_on_black(tmp_path):
    grey_alpha = np.array([[[200, 255], [200, 128], [200, 0]]], dtype=np.uint8)
    image = LoadGrayscale()(save(tmp_path / "a.png", grey_alpha, "LA"))
    np.testing.assert_allclose(image[0].numpy() * 255, [[200, 200 * 128 / 255, 0]], atol=0.51)


def test_colour_becomes_luminance(tmp_path):
    colour = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 200, 90]]], dtype=np.uint8)
    image = LoadGrayscale()(save(tmp_path / "a.png", colour, "RGB"))
    np.testing.assert_allclose(image[0].numpy() * 255, colour @ [RED, GREEN, BLUE], atol=0.51)


def test_opaque_rgba_is_read_as_its_rgb(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    opaque = np.concatenate([colour, np.full((5, 6, 1), 255, dtype=np.uint8)], axis=-1)
    with_alpha = LoadGrayscale()(save(tmp_path / "rgba.png", opaque, "RGBA"))
    without = LoadGrayscale()(save(tmp_path / "rgb.png", colour, "RGB"))
    assert torch.equal(with_alpha.as_tensor(), without.as_tensor())
    np.testing.assert_allclose(with_alpha[0].numpy() * 255, colour @ [RED, GREEN, BLUE], atol=0.51)


def test_transparent_rgba_is_composited_on_black(tmp_path):
    pixels = np.array([[[250, 250, 250, 255], [250, 250, 250, 51], [250, 250, 250, 0]]], dtype=np.uint8)
    image = LoadGrayscale()(save(tmp_path / "a.png", pixels, "RGBA"))
    np.testing.assert_allclose(image[0].numpy() * 255, [[250, 50, 0]], atol=0.51)


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA"])
def test_premultiplied_or_not_alpha_is_applied_once(mode):
    image = Image.new("RGBA", (1, 1), (250, 250, 250, 51)).convert(mode)
    assert image.mode == mode
    np.testing.assert_allclose(np.asarray(to_unit_grayscale(image)) * 255, [[50]], atol=0.51)


def test_palette_is_looked_up(tmp_path):
    image = LoadGrayscale()(palette_png(tmp_path / "a.png"))
    np.testing.assert_allclose(image[0].numpy(), [[RED, GREEN], [BLUE, BLUE]], atol=STEP / 2)


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\xff"])
def test_transparent_palette_entry_is_black(tmp_path, transparency):
    image = LoadGrayscale()(palette_png(tmp_path / "a.png", transparency=transparency))
    np.testing.assert_allclose(image[0].numpy(), [[RED, 0], [BLUE, BLUE]], atol=STEP / 2)


@pytest.mark.parametrize("transparency", [200, (200, 200, 200)])
def test_transparent_colour_of_a_png_without_alpha_is_black(tmp_path, transparency):
    pixels = GREY if isinstance(transparency, int) else np.stack([GREY] * 3, axis=-1)
    image = LoadGrayscale()(save(tmp_path / "a.png", pixels, transparency=transparency))
    np.testing.assert_allclose(image[0].numpy() * 255, np.where(GREY == 200, 0, GREY), atol=1e-4)


def test_cmyk_is_converted_through_rgb(tmp_path):
    ink = np.zeros((8, 32, 4), dtype=np.uint8)
    ink[:, 8:16] = [0, 0, 0, 255]
    ink[:, 16:24] = [0, 0, 0, 100]
    ink[:, 24:] = [255, 0, 0, 0]
    expected = np.repeat([1.0, 0.0, 155 / 255, GREEN + BLUE], 8)[None].repeat(8, axis=0)
    exact = to_unit_grayscale(Image.fromarray(ink, mode="CMYK"))
    np.testing.assert_allclose(np.asarray(exact), expected, atol=STEP)
    Image.fromarray(ink, mode="CMYK").save(tmp_path / "a.jpg", quality=100, subsampling=0)
    with Image.open(tmp_path / "a.jpg") as stored:
        assert stored.mode == "CMYK"
    np.testing.assert_allclose(LoadGrayscale()(tmp_path / "a.jpg")[0].numpy(), expected, atol=3 * STEP)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("F", (2, 2), 0.5), "floating-point pixels have no nominal range: save the image with 8 or 16 bits"),
        (Image.new("I", (2, 2), -3), r"values span \[-3, -3\], expected 16-bit integers \(0 to 65535\)"),
        (Image.new("I", (2, 2), 65536), r"values span \[65536, 65536\], expected 16-bit integers"),
    ],
    ids=["float", "negative", "beyond 16 bits"],
)
def test_modes_without_a_nominal_range_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        to_unit_grayscale(image)


def test_sixteen_bit_image_of_few_levels_warns_with_its_path(tmp_path, caplog):
    thirteen_bit = save(tmp_path / "thirteen.png", np.full((4, 4), 8191, dtype=np.uint16))
    assert LoadGrayscale()(thirteen_bit).max().item() == pytest.approx(8191 / 65535)
    assert f"{thirteen_bit} fills less than an eighth of its 16 bits" in caplog.text


@pytest.mark.parametrize(
    "pixels",
    [np.full((4, 4), 8192, dtype=np.uint16), np.zeros((4, 4), dtype=np.uint16), np.full((4, 4), 5, dtype=np.uint8)],
    ids=["an eighth and more", "empty", "8-bit"],
)
def test_other_dark_images_do_not_warn(tmp_path, caplog, pixels):
    LoadGrayscale()(save(tmp_path / "a.png", pixels))
    assert caplog.text == ""


@pytest.mark.parametrize("given", [str, Path])
def test_path_is_kept_in_the_metadata(tmp_path, given):
    path = save(tmp_path / "a.png", GREY)
    image = LoadGrayscale()(given(path))
    assert isinstance(image, MetaTensor)
    assert image.meta["filename_or_obj"] == str(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_a_file_cut_anywhere_is_named_or_complete(tmp_path, suffix):
    """Cut after the last pixel nothing is missing; before it, a partly grey picture must never come back."""
    content = encoded(suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content)
    whole = LoadGrayscale()(path)
    refused = []
    for length in range(len(content)):
        path.write_bytes(content[:length])
        try:
            image = LoadGrayscale()(path)
        except InputError as e:
            refused.append(str(e))
        else:
            assert torch.equal(image.as_tensor(), whole.as_tensor())
    assert len(refused) > 0.85 * len(content)
    assert all(message.startswith(f"cannot read {path}: ") for message in refused)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_file_cut_in_half_is_refused(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    path.write_bytes(encoded(suffix)[: len(encoded(suffix)) // 2])
    with pytest.raises(InputError, match=rf"cannot read .*half\{suffix}: .*; replace it or take it out"):
        LoadGrayscale()(path)


def test_a_file_with_damaged_bytes_gives_an_image_or_an_input_error(tmp_path):
    rng = np.random.default_rng(0)
    content = np.frombuffer(encoded(".png"), dtype=np.uint8)
    path = tmp_path / "damaged.png"
    refused = 0
    for _ in range(200):
        damaged = content.copy()
        damaged[rng.integers(len(content), size=2)] = rng.integers(256, size=2)
        path.write_bytes(damaged.tobytes())
        try:
            LoadGrayscale()(path)
        except InputError:
            refused += 1
    assert refused > 100


def test_empty_file_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"cannot read .*a\.png: the file is empty \(0 bytes\); replace it"):
        LoadGrayscale()(tmp_path / "a.png")


def test_text_named_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("not a picture", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot read .*a\.png: cannot identify image file"):
        LoadGrayscale()(tmp_path / "a.png")


def test_missing_file_and_folder_are_refused(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name in ("missing.png", "folder.png"):
        with pytest.raises(InputError, match=rf"cannot read .*{name}: no such file"):
            LoadGrayscale()(tmp_path / name)


@pytest.mark.parametrize(("name", "suffix"), [("a.gz", "'.gz'"), ("a.tif", "'.tif'"), ("a", r"'\(none\)'")])
def test_other_types_are_refused_by_suffix(tmp_path, name, suffix):
    (tmp_path / name).write_bytes(encoded(".png"))
    message = rf"cannot read .*{name}: type {suffix}, expected one of \['.png', '.jpg', '.jpeg', '.bmp', '.dcm', .*\]"
    with pytest.raises(InputError, match=message):
        LoadGrayscale()(tmp_path / name)


def test_dictionary_version_loads_its_keys_and_leaves_the_rest(tmp_path):
    path = str(save(tmp_path / "a.png", GREY))
    data = {"image": path, "image_path": path, "label": 1}
    loaded = LoadGrayscaled()(data)
    assert data["image"] == loaded["image_path"] == path
    assert loaded["label"] == 1
    np.testing.assert_array_equal(loaded["image"][0].numpy(), GREY.astype(np.float32) / 255)
    assert loaded["image"].meta["filename_or_obj"] == path


def test_dictionary_version_and_missing_keys(tmp_path):
    path = save(tmp_path / "a.png", GREY)
    with pytest.raises(KeyError, match="mask"):
        LoadGrayscaled(["image", "mask"])({"image": path})
    assert set(LoadGrayscaled(["image", "mask"], allow_missing_keys=True)({"image": path})) == {"image"}


def test_a_volume_has_three_axes_and_its_slices_two(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 100, (3, 4, 5)).astype(np.int16)
    path = str(nifti(tmp_path / "a.nii.gz", voxels))
    volume = LoadGrayscaled(window="full", spatial_dims=3)({"image": path})["image"]
    assert (volume.shape, volume.dtype) == ((1, 4, 3, 5), torch.float32)
    flat = LoadGrayscale(window="full", spatial_dims=2)
    np.testing.assert_array_equal(flat(f"{path}#2/3").numpy(), volume[..., 3].numpy())
    with pytest.raises(
        InputError, match=r"cannot use .*a\.nii\.gz: it is a volume, shape \(4, 3, 5\), expected 2 axes"
    ):
        flat(path)
    with pytest.raises(InputError, match=r"a\.nii\.gz#0/1: it is 2-D, shape \(5, 4\), expected 3 axes"):
        LoadGrayscale(spatial_dims=3)(f"{path}#0/1")


def test_what_read_image_gave_is_windowed_once(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 1000, (8, 9, 5)).astype(np.int16)
    path = f"{nifti(tmp_path / 'a.nii.gz', voxels)}#2/3"
    load, values = LoadGrayscale(window="percentile"), read_image(path, "percentile")
    assert 0 < np.sort(values, axis=None)[values.size // 2] < 1
    np.testing.assert_array_equal(load(values)[0].numpy(), values)
    np.testing.assert_array_equal(load(path)[0].numpy(), values)


def test_the_window_is_checked_when_it_is_given():
    with pytest.raises(ValueError, match="percentile"):
        LoadGrayscaled(window="percentiles")


def test_aliases_are_the_dictionary_version():
    assert LoadGrayscaleD is LoadGrayscaleDict is LoadGrayscaled


@pytest.mark.parametrize(
    "path",
    sorted(SAMPLES.glob("*.*"))
    or [pytest.param(None, marks=pytest.mark.skip(reason=f"no real images at {SAMPLES}"), id="none")],
    ids=lambda path: path.name,
)
def test_real_files_agree_with_pil(path):
    with Image.open(path) as stored:
        pixels = np.asarray(stored).astype(np.float64)
    if pixels.ndim == 3 and pixels.shape[-1] == 4:
        pixels = pixels[..., :3] * pixels[..., 3:] / 255
    expected = pixels @ [RED, GREEN, BLUE] if pixels.ndim == 3 else pixels
    image = LoadGrayscale()(path)
    assert image.shape == (1, *expected.shape)
    np.testing.assert_allclose(image[0].numpy(), expected / 255, atol=STEP)
    assert 0 <= image.min() < image.max() <= 1
