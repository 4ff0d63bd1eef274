from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from monai.data import load_decathlon_datalist

from imgae_monai.data import Datalist, read_datalist_file, write_datalist_file
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom


def written(folder: Path, content) -> Path:
    path = folder / "datalist.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_sections_give_the_split(tmp_path):
    path = written(
        tmp_path,
        {
            "name": "ours",
            "training": [{"image": "a.png", "label": 0, "patient_id": "p1", "view": "PA"}],
            "validation": [{"image": "sub/b.png", "label": 0, "patient_id": 2}],
            "test": [{"image": str(tmp_path / "c.png"), "label": 1}],
        },
    )
    root = tmp_path.resolve()
    assert read_datalist_file(path) == [
        {"image": str(root / "a.png"), "label": 0, "patient_id": "p1", "split": "train", "view": "PA"},
        {"image": str(root / "sub" / "b.png"), "label": 0, "patient_id": "2", "split": "val"},
        {"image": str(root / "c.png"), "label": 1, "patient_id": str(tmp_path / "c.png"), "split": "test"},
    ]


def test_one_list_has_the_split_in_its_items(tmp_path):
    path = written(
        tmp_path,
        [{"image": "../a.png", "label": 1, "split": "test"}, {"image": "b.png", "label": False, "split": "val"}],
    )
    items = read_datalist_file(path)
    assert [(i["image"], i["label"], i["split"]) for i in items] == [
        (str(tmp_path.resolve().parent / "a.png"), 1, "test"),
        (str(tmp_path.resolve() / "b.png"), 0, "val"),
    ]
    assert type(items[1]["label"]) is int


def test_a_section_wins_over_a_split_in_its_items(tmp_path):
    path = written(tmp_path, {"test": [{"image": "a.png", "label": 0, "split": "train"}]})
    assert read_datalist_file(path)[0]["split"] == "test"


@pytest.mark.parametrize("unknown", [None, ""])
def test_an_empty_patient_id_is_no_patient(tmp_path, unknown):
    """Else all unknown patients would be one."""
    names = ("a.png", "b.png")
    path = written(tmp_path, {"test": [{"image": name, "label": 0, "patient_id": unknown} for name in names]})
    assert [item["patient_id"] for item in read_datalist_file(path)] == ["a.png", "b.png"]


@pytest.mark.parametrize("patient_id", [0, "0"])
def test_zero_is_a_patient(tmp_path, patient_id):
    path = written(tmp_path, {"test": [{"image": "a.png", "label": 0, "patient_id": patient_id}]})
    assert read_datalist_file(path)[0]["patient_id"] == "0"


GOOD = {"image": "a.png", "label": 0, "split": "train"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"datalist\.json is not valid JSON: "),
        ("", r"datalist\.json is not valid JSON: "),
        ({}, r"has no items: expected sections \['training', 'validation', 'test'\] or one list of items"),
        ([], "has no items"),
        (3, "has no items"),
        (None, "has no items"),
        ({"train": [GOOD]}, r"has the section\(s\) \['train'\]"),
        ({"training": []}, "has no items"),
        ({"training": None}, "section 'training': expected a list of items, got None"),
        ({"test": {"image": "a.png"}}, "section 'test': expected a list of items, got {'image': 'a.png'}"),
        ([GOOD, "b.png"], "item 1: expected an object with 'image' and 'label', got 'b.png'"),
        ({"training": ["b.png"]}, "item 0: expected an object with 'image' and 'label', got 'b.png'"),
        ([GOOD, GOOD, {"label": 0}], "item 2: expected an object with 'image' and 'label', got {'label': 0}"),
        ([GOOD | {"image": ["t1.png", "t2.png"]}], r"item 0: image must be one path, got \['t1.png', 't2.png'\]"),
        ([GOOD | {"image": None}], "item 0: image must be one path, got None"),
        ([GOOD | {"label": 2}], r"item 0 \(a\.png\): label must be 0 \(normal\) or 1 \(abnormal\), got 2"),
        ([GOOD | {"label": "0"}], r"item 0 \(a\.png\): label must be .* got '0'"),
        ([GOOD | {"label": None}], "label must be .* got None"),
        ([{"image": "a.png", "split": "test"}], "label must be .* got None"),
        ([GOOD, GOOD | {"split": "training"}], r"item 1 \(a\.png\): split must be train, val or test, got 'training'"),
        ([{"image": "a.png", "label": 1}], "split must be train, val or test, got None"),
    ],
)
def test_a_bad_list_is_refused_with_the_item(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_datalist_file(written(tmp_path, content))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "datalist.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="is not valid JSON"):
        read_datalist_file(tmp_path / "datalist.json")


ITEMS = [
    {"image": "/data/a.png", "label": 0, "patient_id": "p1", "split": "train", "sha256": "0a", "view": "PA"},
    {"image": "/data/d.png", "label": 1, "patient_id": "p4", "split": "test", "sha256": "0d"},
    {"image": "/data/b.png", "label": 0, "patient_id": "p2", "split": "val", "sha256": "0b"},
    {"image": "/data/c.png", "label": 0, "patient_id": "p3", "split": "test", "sha256": "0c"},
]


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "datalist.json"
    write_datalist_file(path, Datalist(ITEMS, "/data", False))
    by_image = {item["image"]: item for item in ITEMS}
    read = read_datalist_file(path)
    assert [item["split"] for item in read] == ["train", "val", "test", "test"]
    assert {item["image"]: item for item in read} == by_image
    assert json.loads(path.read_text(encoding="utf-8"))["source"] == "/data"


@pytest.mark.parametrize(
    ("section", "images"),
    [("training", ["/data/a.png"]), ("validation", ["/data/b.png"]), ("test", ["/data/d.png", "/data/c.png"])],
)
def test_monai_reads_what_is_written(tmp_path, section, images):
    path = tmp_path / "datalist.json"
    write_datalist_file(path, Datalist(ITEMS, "/data", False))
    items = load_decathlon_datalist(path, is_segmentation=False, data_list_key=section)
    assert [item["image"] for item in items] == images
    expected = {item["image"]: (item["label"], item["patient_id"]) for item in ITEMS}
    assert all((item["label"], item["patient_id"]) == expected[item["image"]] for item in items)


def test_a_section_of_another_name_is_refused(tmp_path):
    path = tmp_path / "list.json"
    path.write_text(
        json.dumps({"training": [{"image": "a.png", "label": 0}], "testing": [{"image": "b.png", "label": 1}]})
    )
    with pytest.raises(InputError, match=r"has the section\(s\) \['testing'\], expected"):
        read_datalist_file(path)


def test_the_patient_of_a_dicom_comes_from_its_header_where_the_list_does_not_say(tmp_path, caplog):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    for name, patient in (("a.dcm", "p7"), ("b.dcm", "p7"), ("c.dcm", "")):
        dicom(tmp_path / name, np.arange(20, dtype=np.uint8).reshape(4, 5), PatientID=patient)
    entries = [{"image": name, "label": 0} for name in ("a.dcm", "b.dcm", "c.dcm")]
    entries[1]["patient_id"] = "q1"
    path = written(tmp_path, {"test": entries})
    assert [item["patient_id"] for item in read_datalist_file(path)] == ["p7", "q1", "c.dcm"]
    assert "the patient of 1 of 3 images is not known" in caplog.text
