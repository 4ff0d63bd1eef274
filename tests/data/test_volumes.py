from __future__ import annotations

import json

import numpy as np
import pytest

from imgae_monai.data import expand_volumes, list_images, load_datalist, read_image, read_source
from imgae_monai.data.volumes import volume_of
from imgae_monai.exceptions import InputError
from tests.data.medical_files import nifti

SHAPE = (5, 6, 8)


def volume(path, seed: int = 0, shape=SHAPE):
    path.parent.mkdir(parents=True, exist_ok=True)
    return nifti(path, np.random.default_rng(seed).integers(0, 100, shape).astype(np.int16))


@pytest.mark.parametrize(("axis", "n", "shape"), [(0, 5, (8, 6)), (1, 6, (8, 5)), (2, 8, (6, 5))])
def test_a_volume_becomes_its_slices_in_order(tmp_path, axis, n, shape):
    path = str(volume(tmp_path / "a.nii.gz"))
    slices = expand_volumes([{"image": path, "label": 1, "patient_id": "p1", "split": "test"}], axis)
    assert slices == [
        {"image": f"{path}#{axis}/{i}", "label": 1, "patient_id": "p1", "split": "test"} for i in range(n)
    ]
    assert {read_image(s["image"]).shape for s in slices} == {shape}


@pytest.mark.parametrize(
    ("fraction", "indices"), [(1.0, range(8)), (0.5, range(2, 6)), (0.25, [3, 4]), (0.4, [2, 3, 4]), (0.01, [3])]
)
def test_the_central_share_is_kept(tmp_path, fraction, indices):
    path = str(volume(tmp_path / "a.nii"))
    assert [s["image"] for s in expand_volumes([{"image": path}], 2, fraction)] == [f"{path}#2/{i}" for i in indices]


def test_slices_of_an_unknown_patient_share_the_volumes_path(tmp_path):
    path = str(volume(tmp_path / "a.nii"))
    assert {s["patient_id"] for s in expand_volumes([{"image": path}], 0)} == {path}


def test_other_images_and_named_slices_stay(tmp_path):
    path = str(volume(tmp_path / "a.nii"))
    items = [{"image": "x.png"}, {"image": f"{path}#0/1"}, {"image": "y.npy#3"}]
    assert expand_volumes(items, 2) == items
    whole = [{"image": path}]
    assert expand_volumes(whole, None) == whole


@pytest.mark.parametrize(
    ("axis", "fraction", "message"),
    [
        (3, 1.0, r"slice_axis must be 0 \(sagittal\), 1 \(coronal\), 2 \(axial\) or null, got 3"),
        ("axial", 1.0, "slice_axis must be .* got 'axial'"),
        (True, 1.0, "slice_axis must be .* got True"),
        (2, 0.0, r"slice_fraction must be in \(0, 1\], got 0.0"),
        (2, 1.1, r"slice_fraction must be in \(0, 1\], got 1.1"),
    ],
)
def test_arguments_out_of_range_are_refused(axis, fraction, message):
    with pytest.raises(InputError, match=message):
        expand_volumes([], axis, fraction)


def test_a_damaged_volume_is_named(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"x" * 400)
    with pytest.raises(InputError, match=r"a\.nii: it is no NIfTI file"):
        expand_volumes([{"image": str(tmp_path / "a.nii")}], 2)


def tree(root):
    for number, name in enumerate(["train/normal/a", "train/normal/b", "train/normal/c", "test/abnormal/d"]):
        volume(root / f"{name}.nii.gz", number)
    return root


def test_a_datalist_of_slices_never_parts_a_volume(tmp_path, caplog):
    data = load_datalist(tree(tmp_path), slice_axis=2, slice_fraction=0.5, val_fraction=0.4)
    assert data.counts == {
        "train": {"normal": 8, "abnormal": 0},
        "val": {"normal": 4, "abnormal": 0},
        "test": {"normal": 0, "abnormal": 4},
    }
    splits = {(item["image"].split("#")[0], item["split"]) for item in data.items}
    assert len(splits) == 4
    assert len({item["sha256"] for item in data.items}) == 16


def test_a_copy_of_a_volume_in_two_splits_is_refused(tmp_path):
    tree(tmp_path)
    (tmp_path / "test/abnormal/e.nii.gz").write_bytes((tmp_path / "train/normal/a.nii.gz").read_bytes())
    for axis in (None, 1):
        with pytest.raises(InputError, match=r"stand in|both normal and abnormal|label"):
            load_datalist(tmp_path, slice_axis=axis)


def test_sources_and_folders_are_sliced(tmp_path):
    tree(tmp_path)
    assert len(read_source(tmp_path).items) == 4
    assert len(read_source(tmp_path, slice_axis=1).items) == 24
    listed = list_images(tmp_path / "train", slice_axis=0, slice_fraction=0.2)
    names = [f"{tmp_path}/train/normal/{name}.nii.gz#0/2" for name in "abc"]
    assert [(item["image"], item["image_path"]) for item in listed] == [(name, name) for name in names]
    assert [item["image"] for item in list_images(names)] == names
    (tmp_path / "train" / "a.png").touch()
    assert {tuple(item) for item in list_images(tmp_path, slice_axis=0)} == {("image", "image_path")}  # as one batch


def test_slices_in_a_datalist_file_share_their_volume_as_patient(tmp_path, caplog):
    path = volume(tmp_path / "a.nii")
    sections = {"training": "#2/1", "test": "#2/5"}
    content = {key: [{"image": f"./{path.name}{fragment}", "label": 0}] for key, fragment in sections.items()}
    content["test"].append({"image": path.name, "label": 0})
    (tmp_path / "list.json").write_text(json.dumps(content), encoding="utf-8")
    assert {item["patient_id"] for item in read_source(tmp_path / "list.json").items} == {str(path)}
    assert "the patient of 3 of 3 images is not known" in caplog.text
    content["validation"] = [{"image": str(volume(tmp_path / "b.nii", 1)), "label": 0}]
    (tmp_path / "list.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"1 patient\(s\) stand in more than one split"):
        load_datalist(tmp_path / "list.json")


def two_patients(tmp_path, volumes: dict[str, str]):
    """A list whose sections each hold a slice, its patient named after the section."""
    content = {section: [{"image": image, "label": 0, "patient_id": section}] for section, image in volumes.items()} | {
        "validation": [{"image": str(volume(tmp_path / "v.nii", 9)), "label": 0, "patient_id": "v"}]
    }
    (tmp_path / "list.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path / "list.json"


@pytest.mark.parametrize("test_image", ["a.nii.gz#2/4", "a.nii.gz#0/1", "copy.nii.gz#2/4", "copy.nii.gz"])
def test_one_volume_under_two_patients_in_two_splits_is_refused(tmp_path, test_image):
    path = volume(tmp_path / "a.nii.gz")
    (tmp_path / "copy.nii.gz").write_bytes(path.read_bytes())
    source = two_patients(tmp_path, {"training": "a.nii.gz#2/3", "test": test_image})
    with pytest.raises(InputError, match=rf"1 volume\(s\) stand in .*a\.nii\.gz#2/3 \(train\) and .*{test_image} \(te"):
        load_datalist(source)
    volume(tmp_path / "copy.nii.gz", 2)
    load_datalist(two_patients(tmp_path, {"training": "a.nii.gz#2/3", "test": "copy.nii.gz#2/3"}))


def test_a_second_spelling_of_a_slice_is_refused(tmp_path):
    volume(tmp_path / "a.nii.gz")
    source = two_patients(tmp_path, {"training": "a.nii.gz#2/3", "test": "a.nii.gz#2/03"})
    with pytest.raises(InputError, match=r"a\.nii\.gz#2/03: expected axis/index without leading zeros"):
        load_datalist(source)


def test_the_volume_of_a_slice():
    assert volume_of("x/a.nii#1/2") == "x/a.nii"
    assert volume_of("x/a.nii") == "x/a.nii"
    assert volume_of("x/a.npy#1") == volume_of("a.png") == ""
