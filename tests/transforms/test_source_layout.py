from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch

from imgae_monai.transforms import LoadGrayscaled, SourceLayoutd
from tests.data.medical_files import nifti

PIXELS = np.arange(6, dtype=np.float32).reshape(2, 3) / 5  # 2 high, 3 wide


def laid_out(image) -> torch.Tensor:
    """An image as it was loaded, laid out as its source."""
    data = LoadGrayscaled("image", window="full")({"image": image})
    return SourceLayoutd("anomaly_map")({**data, "anomaly_map": data["image"]})["anomaly_map"]


@pytest.mark.parametrize("values", [PIXELS, PIXELS.T[..., None]], ids=["rows first", "columns first"])
def test_what_was_in_memory_gets_its_own_order_back(values):
    np.testing.assert_array_equal(laid_out(values)[0], values)


def test_a_picture_is_x_first(tmp_path):
    from PIL import Image

    Image.fromarray((PIXELS * 255).astype(np.uint8)).save(tmp_path / "a.png")
    found = laid_out(str(tmp_path / "a.png"))
    assert found.shape == (1, 3, 2, 1)
    np.testing.assert_allclose(found[0, :, :, 0].T, PIXELS, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 1), (1, 3, 4)])
def test_a_volume_lies_where_its_file_lies(shape, tmp_path):
    """Read by nibabel in canonical order, from a file that is stored in another."""
    voxels = np.random.default_rng(0).integers(0, 100, shape).astype(np.float32)
    affine = np.array([[-2.0, 0, 0, 7], [0, 0, 3, -5], [0, -1.5, 0, 11], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(voxels, affine), tmp_path / "a.nii.gz")
    canonical = nib.as_closest_canonical(nib.load(tmp_path / "a.nii.gz"))
    found = laid_out(str(tmp_path / "a.nii.gz"))
    array = canonical.get_fdata()
    expected = (array - array.min()) / (array.max() - array.min())
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    np.testing.assert_allclose(found.affine, canonical.affine)


def test_a_slice_of_a_volume_is_a_picture(tmp_path):
    path = nifti(tmp_path / "a.nii.gz", np.random.default_rng(0).random((3, 4, 5)))
    assert laid_out(f"{path}#2/1").shape == (1, 3, 4, 1)
