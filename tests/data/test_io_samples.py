"""Every real file of ../shared/data/io_samples is read right, or refused with a reason.

Expected values come from pydicom, nibabel and Pillow by the standards' formulas, not through the package.
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import read_image
from imgae_monai.data.dicom_reader import dicom_header
from imgae_monai.exceptions import InputError
from tests.conftest import SHARED

SAMPLES = SHARED / "data" / "io_samples"
LUMINANCE = (0.299, 0.587, 0.114)
TWIN = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no real images at {SAMPLES}")


def stored(name: str) -> np.ndarray:
    pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
    return pydicom.dcmread(SAMPLES / "dicom" / name).pixel_array


def percentile_window(values: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    low, high = np.percentile(values if counted is None else values[counted], [0.5, 99.5])
    return np.clip((values - low) / (high - low), 0, 1)


def linear(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 onto [0, 1]."""
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def palette_luminance() -> np.ndarray:
    from pydicom import dcmread
    from pydicom.pixels import apply_color_lut

    ds = dcmread(SAMPLES / "dicom" / "pydicom_examples_palette.dcm")
    return apply_color_lut(ds.pixel_array, ds)[..., :3] @ LUMINANCE / 65535


DICOM = {
    TWIN: lambda: stored(TWIN) / 255,
    "Fake_MONOHR1.dcm": lambda: 1 - stored("Fake_MONOHR1.dcm") / 255,
    "pydicom_CT_small.dcm": lambda: percentile_window(
        stored("pydicom_CT_small.dcm") - 1024.0, stored("pydicom_CT_small.dcm") != -2000
    ),
    "pydicom_JPEG2000.dcm": lambda: percentile_window(stored("pydicom_JPEG2000.dcm")),
    "pydicom_MR_small.dcm": lambda: linear(stored("pydicom_MR_small.dcm"), 600, 1600),
    "pydicom_MR_small_RLE.dcm": lambda: linear(stored("pydicom_MR_small.dcm"), 600, 1600),
    "pydicom_examples_overlay.dcm": lambda: linear(stored("pydicom_examples_overlay.dcm"), 450, 790),
    "pydicom_examples_palette.dcm": palette_luminance,
    "pydicom_examples_rgb_color.dcm": lambda: stored("pydicom_examples_rgb_color.dcm") @ LUMINANCE / 255,
}


@pytest.mark.parametrize("name", DICOM)
def test_dicom_values_are_those_of_pydicom(name):
    expected = DICOM[name]()
    image = read_image(SAMPLES / "dicom" / name)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, atol=2e-6)
    assert image.std() > 0.01


def test_every_dicom_of_the_samples_is_tested():
    assert {path.name for path in (SAMPLES / "dicom").iterdir()} == {*DICOM}


def test_the_monochrome1_twin_is_the_negative():
    one, two = (read_image(SAMPLES / "dicom" / name) for name in ("Fake_MONOHR1.dcm", TWIN))
    np.testing.assert_allclose(one, 1 - two, atol=1e-6)


def test_headers():
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    patient = "16d7f894-55d7-4d95-8957-d18987f0e981"
    header = dicom_header(SAMPLES / "dicom" / TWIN)
    assert (header["patient_id"], header["age"], header["view"]) == (patient, "62", "PA")
    assert dicom_header(SAMPLES / "dicom" / "pydicom_examples_overlay.dcm")["age"] == "58"


@pytest.mark.parametrize("name", ["anatomical.nii", "standard.nii.gz"])
def test_nifti_values_are_those_of_nibabel(name):
    path = SAMPLES / "nifti" / name
    image = nib.as_closest_canonical(nib.load(path))
    voxels = image.get_fdata()
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    unit = (voxels - voxels.min()) / np.ptp(voxels)
    low, high = np.percentile(voxels, [0.5, 99.5])
    windowed = np.clip((voxels - low) / (high - low), 0, 1)
    np.testing.assert_allclose(read_image(path), np.flip(windowed.swapaxes(0, 1), (0, 1)), atol=1e-5)
    for axis, length in enumerate(voxels.shape):
        for index in (0, length // 2, length - 1):
            expected = np.flip(np.take(unit, index, axis).T, (0, 1))
            np.testing.assert_allclose(read_image(f"{path}#{axis}/{index}", "full"), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("example4d.nii.gz", r"\(128, 96, 24, 2\)"), ("example_nifti2.nii.gz", r"\(32, 20, 12, 2\)")],
)
def test_several_volumes_are_refused_by_name(name, shape):
    with pytest.raises(InputError, match=rf"{name}: shape {shape} holds 2 volumes, expected one; split it"):
        read_image(SAMPLES / "nifti" / name)


def test_every_nifti_of_the_samples_is_tested():
    tested = {"anatomical.nii", "standard.nii.gz", "example4d.nii.gz", "example_nifti2.nii.gz"}
    assert {path.name for path in (SAMPLES / "nifti").iterdir()} == tested


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "other").glob("*.*")) if SAMPLES.is_dir() else [], ids=lambda path: path.name
)
def test_picture_values_are_those_of_pillow(path: Path):
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGBA")).astype(np.float64)
    expected = (pixels[..., :3] * pixels[..., 3:] / 255) @ LUMINANCE / 255  # on black
    np.testing.assert_allclose(read_image(path), expected, atol=1.5 / 255)
