from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose
from PIL import Image

from imgae_monai.data import (
    boxes_in_pixels,
    load_datalist,
    read_datalist_file,
    read_image,
    truth_mask,
    truth_masks,
    write_datalist_file,
)
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import LoadGrayscaled, ResizeKeepAspect, ResizeKeepAspectd
from tests.conftest import SHARED
from tests.data.medical_files import nifti

REAL = SHARED / "data" / "nih_layout224"


def same(image: torch.Tensor) -> torch.Tensor:
    return image


def box(*shares: float) -> dict:
    return {"finding": "Mass", "box": list(shares)}


def listed(folder: Path, **keys: object) -> Path:
    """A data list of one normal and two abnormal test images, the first abnormal one with further keys."""
    for i in range(3):
        Image.fromarray(np.full((4, 6), 50 * i, dtype=np.uint8)).save(folder / f"{i}.png")
    entries = [{"image": f"{i}.png", "label": int(i > 0), "patient_id": f"p{i}"} for i in range(3)]
    entries[1] |= keys
    path = folder / "datalist.json"
    path.write_text(json.dumps({"test": entries}), encoding="utf-8")
    return path


def test_regions_are_looked_up_by_path_and_travel_in_no_batch(tmp_path):
    path = listed(tmp_path, boxes=[box(0, 0, 0.5, 0.5), box(0.5, 0, 0.5, 1)])
    data = load_datalist(path)
    assert data.regions("test") == {str(tmp_path / "1.png"): {"boxes": [box(0, 0, 0.5, 0.5), box(0.5, 0, 0.5, 1)]}}
    assert data.regions("train") == {}
    batch = next(iter(DataLoader(Dataset(data.select("test"), LoadGrayscaled()), batch_size=3)))
    assert [path in data.regions("test") for path in batch["image_path"]] == [False, True, False]
    assert "boxes" not in batch


def test_regions_leave_the_fingerprint_alone(tmp_path):
    bare = load_datalist(listed(tmp_path)).fingerprint
    assert load_datalist(listed(tmp_path, boxes=[box(0, 0, 1, 1)])).fingerprint == bare


def test_a_masks_path_starts_at_the_lists_folder_and_survives_writing(tmp_path):
    data = load_datalist(listed(tmp_path, mask="masks/1.png"))
    write_datalist_file(tmp_path / "again.json", data)
    for path in (tmp_path / "datalist.json", tmp_path / "again.json"):
        assert [item.get("mask") for item in read_datalist_file(path)] == [None, str(tmp_path / "masks/1.png"), None]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"boxes": [box(100, 20, 30, 40)]}, r"item 1 .*1\.png\): a box must be .* got .*100.*; divide pixels by"),
        ({"boxes": [[0, 0, 1, 1]]}, "a box must be"),
        ({"boxes": [box(0, 0, 1)]}, "a box must be"),
        ({"boxes": [box(0, 0, 0, 1)]}, "a box must be"),
        ({"boxes": [box(0, 0, 1, float("nan"))]}, "a box must be"),
        ({"boxes": "0,0,1,1"}, "boxes must be a list, got '0,0,1,1'"),
        ({"boxes": [box(0, 0, 1, 1)], "label": 0}, r"a normal image \(label 0\) with 1 box\(es\)"),
        ({"mask": "m.jpg"}, r"mask must be the path of a lossless image \['.png'.*\], got 'm.jpg'"),
        ({"mask": 3}, "mask must be the path"),
    ],
)
def test_malformed_regions_are_refused_by_name(tmp_path, keys, message):
    with pytest.raises(InputError, match=message):
        read_datalist_file(listed(tmp_path, **keys))


def test_a_volumes_mask_is_sliced_with_it(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 100, (5, 6, 8)).astype(np.int16)
    nifti(tmp_path / "a.nii.gz", voxels)
    nifti(tmp_path / "m.nii.gz", (voxels > 50).astype(np.int16))
    entry = {"image": "a.nii.gz", "mask": "m.nii.gz", "label": 1, "patient_id": "p"}
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"test": [entry]}), encoding="utf-8")
    data = load_datalist(path, slice_axis=1)
    assert len(data.items) == 6
    for item in data.select("test"):
        image = read_image(item["image"], "full") * (voxels.max() - voxels.min()) + voxels.min()
        truth = truth_mask(data.regions("test")[item["image"]], image.shape, same)
        np.testing.assert_array_equal(truth, np.round(image) > 50)


def test_boxes_of_a_volume_are_refused_where_it_is_sliced(tmp_path):
    nifti(tmp_path / "1.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    path = listed(tmp_path, image="1.nii", boxes=[box(0, 0, 1, 1)])
    with pytest.raises(InputError, match=r"1\.nii has boxes, which say nothing of its slices"):
        load_datalist(path, slice_axis=2)


def test_boxes_are_drawn_where_they_are():
    regions = {"boxes": [box(0.25, 0.5, 0.5, 0.25), box(0.95, 0, 0.5, 0.01)]}  # the second is cut off and thin
    expected = np.zeros((8, 16), dtype=bool)
    expected[4:6, 4:12] = True
    expected[0, 15] = True
    np.testing.assert_array_equal(truth_mask(regions, (8, 16), same), expected)


@pytest.mark.parametrize(("shape", "method"), [((100, 60), "pad"), ((100, 60), "crop"), ((48, 90), "pad")])
def test_truth_goes_where_the_image_goes(tmp_path, shape, method):
    shares = (0.3, 0.4, 0.4, 0.3)
    x, y, w, h = (round(v) for v in boxes_in_pixels([box(*shares)], shape)[0]["box"])
    pixels = np.zeros(shape, dtype=np.uint8)
    pixels[y : y + h, x : x + w] = 255
    Image.fromarray(pixels).save(tmp_path / "bright.png")
    load = Compose([LoadGrayscaled(), ResizeKeepAspectd("image", 32, method)])
    seen = np.asarray(load({"image": tmp_path / "bright.png"})["image"])[0] >= 0.5
    truth = truth_mask({"boxes": [box(*shares)]}, shape, ResizeKeepAspect(32, method))
    assert 20 < seen.sum() < 500
    np.testing.assert_array_equal(truth, seen)


def test_a_splits_masks_are_made_at_their_images_sizes(tmp_path):
    Image.new("L", (3, 4)).save(tmp_path / "m.png")  # of another size than the images, 6 x 4
    data = load_datalist(listed(tmp_path, boxes=[box(0, 0, 0.5, 1)]))
    (path, truth), *more = truth_masks(data.regions("test"), ResizeKeepAspect(12, "pad")).items()
    assert (path, more) == (str(tmp_path / "1.png"), [])
    expected = np.zeros((12, 12), dtype=bool)
    expected[2:10, :6] = True  # 4 x 6 becomes 8 x 12, two rows of padding on either side
    np.testing.assert_array_equal(truth, expected)
    with pytest.raises(InputError, match=r"m\.png is of shape \(4, 3\), its image of \(4, 6\)"):
        truth_masks(load_datalist(listed(tmp_path, mask="m.png")).regions("test"), same)


def test_a_region_that_the_crop_cuts_off_is_empty():
    regions = {"boxes": [box(0, 0, 0.2, 0.2)]}
    assert truth_mask(regions, (100, 50), ResizeKeepAspect(32, "pad")).any()
    assert not truth_mask(regions, (100, 50), ResizeKeepAspect(32, "crop")).any()


@pytest.mark.parametrize("value", [1, 2, 255])
def test_a_masks_values_count_where_not_zero(tmp_path, value):
    pixels = np.zeros((4, 6), dtype=np.uint8)
    pixels[1, 2:5] = value
    Image.fromarray(pixels).save(tmp_path / "m.png")
    truth = truth_mask({"mask": str(tmp_path / "m.png"), "boxes": [box(0, 0, 0.1, 0.1)]}, (4, 6), same)
    assert np.argwhere(truth).tolist() == [[0, 0], [1, 2], [1, 3], [1, 4]]


def test_a_mask_of_another_size_or_a_lossy_one_is_refused(tmp_path):
    Image.new("L", (6, 4)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match=r"m\.png is of shape \(4, 6\), its image of \(6, 4\)"):
        truth_mask({"mask": str(tmp_path / "m.png")}, (6, 4), same)
    with pytest.raises(InputError, match=r"m\.jpeg as a mask: expected a lossless image"):
        truth_mask({"mask": str(tmp_path / "m.jpeg")}, (6, 4), same)
    with pytest.raises(InputError, match=r"boxes are of 2-D images, got one of shape \(4, 4, 4\)"):
        truth_mask({"boxes": [box(0, 0, 1, 1)]}, (4, 4, 4), same)


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data/nih_layout224 is not on this machine")
def test_the_real_boxes_scale_to_the_copies_of_224_pixels():
    data = load_datalist(REAL)
    regions = data.regions("test")
    assert sum(len(r["boxes"]) for r in regions.values()) == 49
    assert {item["label"] for item in data.items if item["image"] in regions} == {1}
    path = next(p for p in regions if p.endswith("00000150_002.png"))
    shape = read_image(path).shape
    assert shape == (224, 224)
    x, y, w, h = boxes_in_pixels(regions[path]["boxes"], shape)[0]["box"]  # 601.397, 595.979, 215.636, 180.961 of 1024
    assert (x, y, w, h) == pytest.approx((131.556, 130.370, 47.170, 39.585), abs=1e-3)
    rows, columns = np.nonzero(truth_mask(regions[path], shape, same))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (132, 178, 130, 169)
