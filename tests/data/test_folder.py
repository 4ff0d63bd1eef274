from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import read_folder_tree, read_source
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom, nifti

TREE = ("train/normal/a.png", "val/normal/b.png", "test/normal/c.png", "test/abnormal/d.png")


def tree(root: Path, files=TREE) -> Path:
    for seed, name in enumerate(files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)).save(path)
    return root


def found(items, *keys: str) -> list[tuple]:
    return [tuple(item[key] for key in keys) for item in items]


def test_split_and_class_come_from_the_folders(tmp_path):
    items = read_folder_tree(tree(tmp_path))
    assert sorted(found(items, "image", "split", "label")) == sorted(
        [
            (str(tmp_path / "train/normal/a.png"), "train", 0),
            (str(tmp_path / "val/normal/b.png"), "val", 0),
            (str(tmp_path / "test/normal/c.png"), "test", 0),
            (str(tmp_path / "test/abnormal/d.png"), "test", 1),
        ]
    )


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "val"),
        ("VALID", "val"),
        ("validation", "val"),
        ("Test", "test"),
        ("testing", "test"),
    ],
)
def test_split_folders_have_synonyms_of_any_case(tmp_path, folder, split):
    assert found(read_folder_tree(tree(tmp_path, [f"{folder}/Normal/a.png"])), "split", "label") == [(split, 0)]


def test_class_names_are_mapped_in_any_case(tmp_path):
    tree(tmp_path, ["test/Healthy/a.png", "test/PNEUMONIA/b.png", "test/mass/c.png", "test/no_finding/d.png"])
    items = read_folder_tree(tmp_path, ["healthy", "No_Finding"], ["Pneumonia", "Mass"])
    labels = {Path(image).name: label for image, label in found(items, "image", "label")}
    assert labels == {"a.png": 0, "b.png": 1, "c.png": 1, "d.png": 0}


def test_unknown_class_folder_is_named(tmp_path):
    tree(tmp_path, ["train/normal/a.png", "test/tumor/b.png"])
    message = (
        r"test/tumor is neither a normal \(normal\) nor an abnormal class \(abnormal\): "
        "name it with normal_names or abnormal_names"
    )
    with pytest.raises(InputError, match=message):
        read_folder_tree(tmp_path)


def test_a_tree_without_split_folders_is_explained(tmp_path):
    tree(tmp_path, ["normal/a.png", "abnormal/b.png"])
    with pytest.raises(InputError, match=r"has no folder named train, val or test; expected train/normal, val/normal"):
        read_folder_tree(tmp_path)


def test_empty_split_folders_give_no_items(tmp_path):
    (tmp_path / "train" / "normal").mkdir(parents=True)
    assert read_folder_tree(tmp_path) == []


def test_images_lie_at_any_depth_and_odd_files_are_ignored(tmp_path):
    tree(tmp_path, ["train/normal/p1/visit/a.png", "train/normal/B.JPG", "train/normal/c.bmp", "train/normal/d.jpeg"])
    for odd in ("Thumbs.db", ".DS_Store", "notes.txt", "scan.tif", "png", "DICOMDIR", ".hidden.dcm"):
        (tmp_path / "train" / "normal" / odd).write_bytes(b"odd")
    (tmp_path / "train" / "readme.txt").write_text("beside the class folders", encoding="utf-8")
    (tmp_path / "masks" / "tumor").mkdir(parents=True)
    names = [Path(image).name for (image,) in found(read_folder_tree(tmp_path), "image")]
    assert names == ["B.JPG", "c.bmp", "d.jpeg", "a.png"]  # sorted by path


def test_items_are_sorted_by_path_whatever_the_order_of_creation(tmp_path):
    tree(tmp_path, [f"train/normal/{name}.png" for name in "hbdagcfe"])
    images = [image for (image,) in found(read_folder_tree(tmp_path), "image")]
    assert images == [str(tmp_path / "train" / "normal" / f"{name}.png") for name in "abcdefgh"]


def test_manifest_adds_what_it_knows(tmp_path, caplog):
    tree(tmp_path)
    (tmp_path / "manifest.csv").write_text(
        "file,patient_id,view,sex,age,finding,weight\n"
        "train/normal/a.png,p1,PA,F,40,,70\n"
        'val/normal/b.png,p2,,,,"No finding, really",\n'
        "test/normal/c.png,p3,,,,,\n"
        "test/abnormal/d.png,p4,AP,M,71,Mass,\n"
        "test/abnormal/gone.png,p5,AP,M,72,Mass,\n",
        encoding="utf-8",
    )
    items = {Path(str(item.pop("image"))).name: item for item in read_folder_tree(tmp_path)}
    assert items == {
        "a.png": {"label": 0, "split": "train", "patient_id": "p1", "view": "PA", "sex": "F", "age": "40"},
        "b.png": {"label": 0, "split": "val", "patient_id": "p2", "finding": "No finding, really"},
        "c.png": {"label": 0, "split": "test", "patient_id": "p3"},
        "d.png": {
            "label": 1,
            "split": "test",
            "patient_id": "p4",
            "view": "AP",
            "sex": "M",
            "age": "71",
            "finding": "Mass",
        },
    }
    assert caplog.text == ""


def test_manifest_cannot_move_an_image_to_another_split_or_class(tmp_path):
    tree(tmp_path, ["test/normal/a.png"])
    (tmp_path / "manifest.csv").write_text(
        "file,split,label,image,patient_id\ntest/normal/a.png,train,1,elsewhere.png,p1\n", encoding="utf-8"
    )
    assert found(read_folder_tree(tmp_path), "image", "split", "label") == [
        (str(tmp_path / "test/normal/a.png"), "test", 0)
    ]


def test_manifest_of_a_spreadsheet_begins_with_a_byte_order_mark(tmp_path):
    tree(tmp_path, ["train/normal/a.png"])
    (tmp_path / "manifest.csv").write_text("file,patient_id\ntrain/normal/a.png,p1\n", encoding="utf-8-sig")
    assert found(read_folder_tree(tmp_path), "patient_id") == [("p1",)]


def test_manifest_without_its_key_column_is_refused(tmp_path):
    tree(tmp_path)
    (tmp_path / "manifest.csv").write_text("path,patient_id\ntrain/normal/a.png,p1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"manifest\.csv has no column 'file', found \['path', 'patient_id'\]"):
        read_folder_tree(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "patients"),
    [(r"person\d+", ["person12", "person7"]), (r"person(\d+)_", ["12", "7"]), (r"(?:person)(\d+)_(\w)", ["12", "7"])],
)
def test_patient_is_the_patterns_first_group_or_the_whole_match(tmp_path, pattern, patients, caplog):
    tree(tmp_path, ["train/normal/person12_a.png", "train/normal/person7_b.png"])
    assert [p for (p,) in found(read_folder_tree(tmp_path, patient_pattern=pattern), "patient_id")] == patients
    assert caplog.text == ""


def test_pattern_wins_over_the_manifest(tmp_path):
    tree(tmp_path, ["train/normal/person12_a.png"])
    (tmp_path / "manifest.csv").write_text("file,patient_id\ntrain/normal/person12_a.png,p1\n", encoding="utf-8")
    assert found(read_folder_tree(tmp_path, patient_pattern=r"person\d+"), "patient_id") == [("person12",)]


def test_pattern_that_misses_a_file_names_it(tmp_path):
    tree(tmp_path, ["train/normal/person12_a.png", "train/normal/x.png"])
    with pytest.raises(InputError, match=r"patient_pattern 'person.*' does not match the file name 'x\.png' \(.*x\.p"):
        read_folder_tree(tmp_path, patient_pattern=r"person\d+")


def test_pattern_is_not_searched_in_the_folders(tmp_path):
    tree(tmp_path, ["train/normal/person12/x.png"])
    with pytest.raises(InputError, match=r"does not match the file name 'x\.png'"):
        read_folder_tree(tmp_path, patient_pattern=r"person\d+")


def test_unknown_patients_are_their_files_with_a_warning(tmp_path, caplog):
    tree(tmp_path)
    (tmp_path / "manifest.csv").write_text(
        "file,patient_id\ntrain/normal/a.png,p1\nval/normal/b.png,\n", encoding="utf-8"
    )
    patients = sorted(p for (p,) in found(read_folder_tree(tmp_path), "patient_id"))
    assert patients == ["p1", "test/abnormal/d.png", "test/normal/c.png", "val/normal/b.png"]
    assert [item.get("patient_known", True) for item in read_source(tmp_path).items] == [False, False, True, False]
    assert "the patient of 3 of 4 images is not known" in caplog.text
    assert "counts as its own patient" in caplog.text


def mixed(root: Path) -> Path:
    """A picture, two DICOM files of one patient, one of them without a suffix, and a volume."""
    folder = tree(root, ["train/normal/a.png"]) / "train" / "normal"
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    known = {"PatientID": "p7", "PatientSex": "F", "PatientAge": "033Y", "ViewPosition": "PA"}
    dicom(folder / "b.dcm", grey, **known)
    dicom(folder / "IM0001.dcm", grey, **known).rename(folder / "IM0001")
    nifti(folder / "c.nii.gz", np.zeros((3, 4, 5), np.int16))
    return root


def test_pictures_dicom_and_nifti_may_be_mixed(tmp_path, caplog):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    items = {Path(item["image"]).name: item for item in read_source(mixed(tmp_path)).items}
    assert [*items] == ["IM0001", "a.png", "b.dcm", "c.nii.gz"]
    header = {"patient_id": "p7", "sex": "F", "age": "33", "view": "PA", "label": 0, "split": "train"}
    for name in ("IM0001", "b.dcm"):
        assert items[name] == {"image": str(tmp_path / "train/normal" / name), **header}
    assert items["c.nii.gz"]["patient_id"] == "train/normal/c.nii.gz"
    assert "the patient of 2 of 4 images is not known" in caplog.text


def test_manifest_wins_over_the_header_and_the_pattern_over_both(tmp_path):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    mixed(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,patient_id,view,age\ntrain/normal/b.dcm,m1,AP,\n", encoding="utf-8")
    items = {Path(item["image"]).name: item for item in read_folder_tree(tmp_path)}
    assert [items["b.dcm"][key] for key in ("patient_id", "view", "age", "sex")] == ["m1", "AP", "33", "F"]
    assert items["IM0001"]["patient_id"] == "p7"
    items = {Path(item["image"]).name: item for item in read_folder_tree(tmp_path, patient_pattern=r"^\w+")}
    assert {name: item["patient_id"] for name, item in items.items()} == {
        "IM0001": "IM0001",
        "a.png": "a",
        "b.dcm": "b",
        "c.nii.gz": "c",
    }


def test_a_damaged_dicom_is_listed_with_a_warning(tmp_path, caplog):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    tree(tmp_path, ["train/normal/a.png"])
    (tmp_path / "train/normal/b.dcm").write_bytes(b"x" * 500)
    assert [Path(item["image"]).name for item in read_folder_tree(tmp_path)] == ["a.png", "b.dcm"]
    assert "b.dcm: it is no DICOM file" in caplog.text


def test_dicom_without_pydicom_is_refused_rather_than_read_without_its_patients(tmp_path, monkeypatch):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    mixed(tmp_path)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(InputError, match=r"IM0001 needs pydicom: pip install 'imgae_monai\[dicom\]'"):
        read_folder_tree(tmp_path)
