from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from monai.data import load_decathlon_datalist

from imgae_monai.data import (
    Datalist,
    expand_volumes,
    load_datalist,
    read_datalist_file,
    read_source,
    write_datalist_file,
)
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom, nifti
from tests.data.test_datalist import PATTERN, tree


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
        {
            "image": str(root / "c.png"),
            "label": 1,
            "patient_id": str(tmp_path / "c.png"),
            "patient_known": False,
            "split": "test",
        },
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


@pytest.mark.parametrize("unknown", [None, "", float("nan"), "nan", "None"])
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
        ([GOOD | {"patient_known": "no"}], r"item 0 \(.*a\.png\): patient_known must be true or false, got 'no'"),
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
    assert [item["patient_id"] for item in read_source(path).items] == ["p7", "q1", "c.dcm"]
    assert "the patient of 1 of 3 images is not known" in caplog.text


def test_an_unknown_patient_stays_unknown_in_a_written_list(tmp_path, caplog):
    data = load_datalist(tree(tmp_path / "d"))
    write_datalist_file(tmp_path / "list.json", data)
    caplog.clear()
    again = load_datalist(tmp_path / "list.json")
    assert f"the patient of {len(data.items)} of {len(data.items)} images is not known" in caplog.text
    assert again.fingerprint == data.fingerprint
    assert {item["patient_known"] for item in again.items} == {False}
    named = read_source(tmp_path / "list.json", patient_pattern=PATTERN)
    assert {item["patient_id"] for item in named.items} >= {"p0", "p60", "p70"}
    assert not any("patient_known" in item for item in named.items)


def test_slices_share_their_unknown_patient_in_a_written_list(tmp_path):
    pytest.importorskip("nibabel")
    nifti(tmp_path / "v.nii.gz", np.random.default_rng(0).random((4, 5, 6), dtype=np.float32))
    path = written(tmp_path, {"test": [{"image": "v.nii.gz", "label": 0}]})
    slices = expand_volumes(read_datalist_file(path), 2)
    write_datalist_file(tmp_path / "slices.json", Datalist(slices, "d", False))
    read = read_datalist_file(tmp_path / "slices.json")
    assert {(item["patient_id"], item["patient_known"]) for item in read} == {(slices[0]["patient_id"], False)}
    bare = [{"image": item["image"], "label": 0, "split": "test"} for item in slices]
    by_hand = read_datalist_file(written(tmp_path, bare))
    assert {(item["patient_id"], item["patient_known"]) for item in by_hand} == {(str(tmp_path / "v.nii.gz"), False)}


def test_a_pattern_names_only_the_patients_that_a_list_does_not(tmp_path):
    entries = [{"image": "p1_0.png", "label": 0, "patient_id": "x"}, {"image": "p2_0.png", "label": 0}]
    items = read_source(written(tmp_path, {"test": entries}), patient_pattern=PATTERN).items
    assert [item["patient_id"] for item in items] == ["x", "p2"]
    entries[1]["image"] = "odd.png"
    with pytest.raises(InputError, match=r"patient_pattern .* does not match the file name 'odd\.png'"):
        read_source(written(tmp_path, {"test": entries}), patient_pattern=PATTERN)
