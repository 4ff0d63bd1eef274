from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgae_monai.data import read_image_list
from imgae_monai.exceptions import InputError


def test_sections_of_a_datalist_name_the_split(tmp_path):
    content = {
        "name": "study",
        "training": [{"image": "a.png", "label": 0, "patient_id": 7}],
        "validation": [],
        "test": ["sub/b.png", {"image": "/elsewhere/c.nii.gz#2/40", "label": 1}],
    }
    (tmp_path / "list.json").write_text(json.dumps(content))
    assert read_image_list(tmp_path / "list.json") == [
        {"image": str(tmp_path / "a.png"), "label": 0, "patient_id": "7", "split": "train"},
        {"image": str(tmp_path / "sub" / "b.png"), "split": "test"},
        {"image": "/elsewhere/c.nii.gz#2/40", "label": 1, "split": "test"},
    ]


def test_one_list_takes_the_split_of_its_items(tmp_path):
    (tmp_path / "list.json").write_text(json.dumps(["a.png", {"image": "b.png", "split": "val", "score": 3}]))
    assert read_image_list(tmp_path / "list.json") == [
        {"image": str(tmp_path / "a.png")},
        {"image": str(tmp_path / "b.png"), "split": "val"},
    ]


def test_a_table_may_have_other_columns_and_empty_cells(tmp_path):
    text = '\ufeffimage,score,label,patient_id\n"a, b.png",0.5,1,p\nc.png,0.25,,\n'
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    assert read_image_list(tmp_path / "list.csv") == [
        {"image": str(tmp_path / "a, b.png"), "label": 1, "patient_id": "p"},
        {"image": str(tmp_path / "c.png")},
    ]


def test_a_path_a_line_starts_at_the_lists_folder(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "list.txt").write_text("../a.png\n\n  #b.png  \n/c.png\n~/d.png\n")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.chdir(tmp_path)
    images = [item["image"] for item in read_image_list(Path("in/list.txt"))]
    assert images == [str(tmp_path / "a.png"), str(tmp_path / "in" / "#b.png"), "/c.png", "/home/someone/d.png"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json is not a readable list of images: Expecting"),
        ("a.json", "3", r"a\.json: expected a datalist with sections \['training', 'validation', 'test'\] or one list"),
        ("a.json", '{"tests": ["a.png"]}', r"has the section 'tests', expected \['training'"),
        ("a.json", '{"test": []}', r"a\.json lists no images"),
        ("a.json", '["a.png", {"label": 0}]', r"a\.json, item 1: expected a path, or an object whose 'image' is one"),
        ("a.json", '{"test": [["a.png", "b.png"]]}', r"a\.json, test 0: expected a path"),
        ("a.json", '[{"image": "a.png", "label": "mask.png"}]', r"item 0 \(a\.png\): label must be 0 \(normal\), 1"),
        ("a.json", '["hf://a/b#train/1"]', r"item 0: hf://a/b#train/1 is of a stream"),
        ("a.csv", "file\na.png\n", r"a\.csv has no column 'image', found \['file'\]"),
        ("a.csv", "image,label\na.png,0\n,1\n", r"a\.csv, line 3: expected a path"),
        ("a.csv", "image,label\na.png,2\n", r"line 2 \(a\.png\): label must be 0 .* got '2'"),
        ("a.txt", "\n\n", r"a\.txt lists no images"),
    ],
)
def test_what_is_no_list_is_refused_by_its_place(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_image_list(tmp_path / name)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.txt: No such file"):
        read_image_list(tmp_path / "gone.txt")
