from __future__ import annotations

import json
import logging
import sys

import pytest

from imgae_monai.data import load_datalist, read_datalist_file, read_source, write_datalist_file
from imgae_monai.exceptions import InputError, SourceUnavailable
from tests.data.test_datalist import PATTERN, URI, picture, tree


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_first_source_that_can_be_had_is_read(tmp_path, caplog):
    root = tree(tmp_path / "d")
    found = read_source([tmp_path / "gone", str(root), URI], patient_pattern=PATTERN)
    assert found.origin == str(root)
    assert not found.synthetic
    assert len(found.fallbacks) == 1
    assert found.fallbacks[0].startswith(f"data {tmp_path / 'gone'} does not exist")
    warning = next(r.message for r in caplog.records if r.levelno == logging.WARNING)
    assert warning == f"{found.fallbacks[0]}; falling back to {root}"


def test_a_source_that_is_there_falls_back_from_nothing(tmp_path, caplog):
    found = read_source([tree(tmp_path / "d"), tmp_path / "gone"], patient_pattern=PATTERN)
    assert found.fallbacks == ()
    assert caplog.text == ""


def test_what_is_wrong_in_a_source_is_not_passed_over(tmp_path):
    root = tree(tmp_path / "d")
    picture(root / "train" / "unknown" / "p1_9.png", 900)
    with pytest.raises(InputError, match=r"unknown is neither a normal \(normal\) nor an abnormal class") as e:
        read_source([root, URI])
    assert not isinstance(e.value, SourceUnavailable)
    (root / "train" / "unknown").rename(root / "train" / "abnormal")
    with pytest.raises(InputError, match=r"1 abnormal image\(s\) in the training split"):
        load_datalist([root, URI], patient_pattern=PATTERN)
    with pytest.raises(InputError, match="unknown key 'n_trian'"):
        read_source(["synthetic://?n_trian=3", URI])


def test_phantoms_stand_in_only_if_they_are_named(tmp_path, caplog):
    with pytest.raises(SourceUnavailable, match=r"^none of 2 data sources can be had: data .*a does not.*; data .*b"):
        load_datalist([tmp_path / "a", tmp_path / "b"])
    data = load_datalist([tmp_path / "a", URI])
    assert data.synthetic
    assert "SYNTHETIC DATA" in caplog.text
    assert f"falling back to {URI}" in caplog.text


def test_one_missing_source_is_told_as_it_is(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"^data .*gone does not exist"):
        read_source([tmp_path / "gone"])
    with pytest.raises(InputError, match="data names no source"):
        read_source([])


@pytest.mark.parametrize("uri", ["ftp://host/data", "s3://bucket/x", "file:///data"])
def test_an_unknown_scheme_is_refused(uri):
    with pytest.raises(InputError, match=rf"data {uri} has an unknown scheme, expected a path or one of hf://, kaggle"):
        read_source([uri, URI])


def test_the_reasons_stay_in_the_data_list(tmp_path):
    data = load_datalist([tmp_path / "gone", tree(tmp_path / "d")], patient_pattern=PATTERN)
    assert len(data.fallbacks) == 1
    write_datalist_file(tmp_path / "list.json", data)
    assert json.loads((tmp_path / "list.json").read_text(encoding="utf-8"))["fallbacks"] == list(data.fallbacks)
    again = load_datalist([tmp_path / "gone too", tmp_path / "list.json"])
    assert again.fingerprint == data.fingerprint
    assert again.fallbacks[1:] == data.fallbacks
    assert again.fallbacks[0].startswith(f"data {tmp_path / 'gone too'} does not exist")


def test_references_survive_a_data_list_file(tmp_path):
    images = ["v.nii.gz#2/40", str(tmp_path / "x.npy#17"), "hf://owner/name?streaming=true#train/3"]
    items = [{"image": image, "label": 0, "sha256": "ab", "split": "train", "patient_id": "p"} for image in images]
    (tmp_path / "list.json").write_text(json.dumps(items), encoding="utf-8")
    read = [item["image"] for item in read_datalist_file(tmp_path / "list.json")]
    assert read == [str(tmp_path / "v.nii.gz#2/40"), str(tmp_path / "x.npy#17"), images[2]]
    del items[2]["sha256"]
    (tmp_path / "list.json").write_text(json.dumps(items), encoding="utf-8")
    with pytest.raises(InputError, match="an image of a stream is known by its sha256, which is missing"):
        read_datalist_file(tmp_path / "list.json")


def test_without_pydicom_a_folder_of_dicom_is_passed_over(tmp_path, monkeypatch):
    path = tmp_path / "scans" / "test" / "normal" / "a.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    found = read_source([tmp_path / "scans", tree(tmp_path / "d")], patient_pattern=PATTERN)
    assert found.origin == str(tmp_path / "d")
    assert found.fallbacks == (f"reading {path} needs pydicom: pip install 'imgae_monai[dicom]'",)
