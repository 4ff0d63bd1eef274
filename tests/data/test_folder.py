from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import read_folder_tree
from imgae_monai.exceptions import InputError

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
    for odd in ("Thumbs.db", ".DS_Store", "notes.txt", "scan.dcm", "png"):
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
    assert "the patient of 3 of 4 images is not known" in caplog.text
    assert "counts as its own patient" in caplog.text
