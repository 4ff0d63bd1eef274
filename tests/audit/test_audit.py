"""What the checks say of a set with one of every fault, and of a good one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.audit import Group, audit_source, find_copies, format_audit
from imgae_monai.audit.fix_list import removed_images
from imgae_monai.audit.image_checks import check_images
from imgae_monai.audit.measurement import Measurement
from imgae_monai.audit.scan import scan_images
from imgae_monai.audit.split_checks import check_splits, patient_unknown
from imgae_monai.data import Source, read_source
from imgae_monai.exceptions import InputError
from tests.audit.spoilt import FAULTS
from tests.data.medical_files import nifti


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_found_and_nothing_else_is(kind, spoilt, spoilt_audit):
    (finding,) = [finding for finding in spoilt_audit.findings if finding.kind == kind]
    found = [{Path(i).relative_to(spoilt).as_posix() for i in group.images} for group in finding.groups]
    assert sorted(map(sorted, found)) == sorted(map(sorted, FAULTS[kind]))


def test_errors_come_first_and_make_the_verdict(spoilt_audit):
    severities = [finding.severity for finding in spoilt_audit.findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    errors = {f.kind for f in spoilt_audit.of("error")}
    leaks = {"patient_across_splits", "duplicate_across_splits"}
    assert errors == leaks | {"label_conflict", "near_label_conflict", "truncated", "unreadable"}
    assert spoilt_audit.verdict.startswith("Not fit for training as it is: patient across splits: 1")
    assert "near duplicate across splits: 1 (one picture" in format_audit(spoilt_audit)


def test_a_good_set_has_no_errors_and_says_that_it_is_synthetic(phantoms):
    audit = audit_source(read_source(phantoms), workers=1)
    assert audit.of("error") == []
    assert format_audit(audit).startswith("SYNTHETIC DATA")
    report = json.loads(json.dumps(audit.to_dict()))
    assert report["counts"]["train"]["normal"] == 24
    assert report["counts"]["test"] == {"normal": 12, "abnormal": 12, "patients": report["counts"]["test"]["patients"]}
    by_view = report["counts_by_view"]
    assert sum(by_view[v][s]["abnormal"] for v in by_view for s in ("train", "val", "test")) == 12


def test_processes_measure_the_same_as_none(phantoms):
    items = read_source(phantoms).items
    alone, together = scan_images(items, workers=1), scan_images(items, workers=2)
    assert [(m.image, m.sha256, m.pixel_hash, m.statistics) for m in alone] == [
        (m.image, m.sha256, m.pixel_hash, m.statistics) for m in together
    ]
    kept = [m.small is not None for m in alone]
    assert kept == [item["split"] in ("train", "test") for item in items]


def test_a_killed_process_is_explained(phantoms, monkeypatch):
    monkeypatch.setattr("imgae_monai.audit.scan.measure_image", lambda *_: os._exit(1))
    with pytest.raises(InputError, match="a process that read images was killed"):
        scan_images(read_source(phantoms).items, workers=2)


def test_odd_file_names_are_printed_harmlessly(tmp_path):
    (tmp_path / "test" / "normal").mkdir(parents=True)
    name = os.fsdecode(b"a\n\x1b[2J\xff.png")
    Image.new("L", (8, 8)).save(tmp_path / "test" / "normal" / name)
    shown = format_audit(audit_source(read_source(tmp_path), workers=1))
    assert r"test/normal/a\n\x1b[2J\udcff.png: all pixels 0.000" in shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"workers": 0}, "workers must be 1 or more, got 0"), ({"n_components": 0}, "n_components must be 1 or more")],
)
def test_settings_out_of_range_are_refused(changes, message, phantoms):
    with pytest.raises(InputError, match=message):
        audit_source(read_source(phantoms), **changes)


def test_an_empty_set_and_a_stream_are_refused():
    with pytest.raises(InputError, match="x has no images"):
        audit_source(Source([], "x"))
    item = {"image": "hf://owner/name#train/0", "label": 0, "patient_id": "1", "split": "train"}
    with pytest.raises(InputError, match="is a stream"):
        audit_source(Source([item], "hf://owner/name?streaming=true"))


def measured(name: str, height: int = 100, width: int = 100, mode: str = "grey, 8 bits", **own) -> Measurement:
    statistics = {"mean": 0.5, "std": own.pop("std", 0.2)}
    return Measurement(name, height=height, width=width, mode=mode, statistics=statistics, **own)


def kinds(measurements) -> dict[str, list[str]]:
    return {f.kind: [i for g in f.groups for i in g.images] for f in check_images(measurements)}


def test_odd_sizes_are_odd_against_the_set():
    usual = [measured(f"u{i}") for i in range(9)]
    odd = [measured("big", 201, 201), measured("wide", 82, 124), measured("fine", 190, 190), measured("close", 90, 110)]
    assert kinds([*usual, *odd]) == {"odd_size": ["big", "wide"]}
    # where sizes differ by nature, a factor of two is nothing
    varied = [measured(f"v{i}", size, size) for i, size in enumerate(np.geomspace(100, 1000, 20).astype(int))]
    assert kinds(varied) == {}


def test_emptiness_is_by_share_or_by_spread():
    found = kinds([measured("ok", flat_share=0.97), measured("flat", flat_share=0.98), measured("dim", std=0.009)])
    assert found == {"near_empty": ["flat", "dim"]}


def test_rare_modes_are_listed():
    found = check_images([measured("a"), measured("b"), measured("c", mode="colour")])
    assert [(f.kind, f.severity, f.groups) for f in found] == [
        ("mixed_modes", "note", (Group(("c",), "colour among grey, 8 bits", 1),))
    ]


def item(image: str, split: str, label: int, patient: str) -> dict:
    return {"image": image, "split": split, "label": label, "patient_id": patient}


def test_near_copies_of_one_patient_may_have_two_labels():
    rng = np.random.default_rng(0)
    thumbnail = rng.integers(0, 200, (32, 32)).astype(np.uint8)
    measurements = [
        Measurement(name, sha256=name, pixel_hash=name, thumbnail=thumbnail + np.uint8(i))
        for i, name in enumerate(["before", "after"])
    ]
    copies = find_copies(measurements)
    assert [(c.members, c.exact) for c in copies] == [((0, 1), False)]
    for patients, expected in ((("1", "1"), set()), (("1", "2"), {"near_label_conflict"})):
        items = [item("before", "test", 0, patients[0]), item("after", "test", 1, patients[1])]
        assert "near_label_conflict" in {f.kind for f in check_splits(items, copies)} or not expected
        assert {f.kind for f in check_splits(items, copies)} & {"near_label_conflict", "near_duplicate"} == expected


def test_slices_of_one_file_in_two_splits_are_an_error_whatever_their_patients(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 100, (12, 13, 14)).astype(np.int16)
    path = nifti(tmp_path / "a.nii.gz", voxels)
    shutil.copy(path, tmp_path / "copy.nii.gz")
    other = nifti(tmp_path / "b.nii.gz", voxels[::-1] // 2)
    items = [
        item(f"{path}#2/3", "train", 0, "1"),
        item(f"{other}#2/3", "train", 0, "2"),
        item(f"{other}#2/9", "train", 0, "2"),
        item(f"{tmp_path}/copy.nii.gz#0/9", "test", 0, "3"),
        item("x.png", "test", 1, "4"),
    ]
    audit = audit_source(Source(items, str(tmp_path)), workers=1)
    (finding,) = [finding for finding in audit.of("error") if "across" in finding.kind]
    assert finding.kind == "volume_across_splits"
    assert finding.groups == (Group((items[0]["image"], items[3]["image"]), "one volume: 1 in test, 1 in train"),)
    assert removed_images(audit) == {0: "volume_across_splits", 4: "unreadable"}


def test_missing_classes_patients_and_stray_labels_are_found():
    unknown = {**item("/d/train/a.png", "train", 1, "train/a.png"), "patient_known": False}
    items = [unknown, item("/d/test/b.png", "test", 0, "7")]
    found = {f.kind: f for f in check_splits(items, [])}
    assert found.keys() == {"abnormal_in_train", "missing_class", "unknown_patients", "no_validation"}
    assert found["abnormal_in_train"].groups[0].images == ("/d/train/a.png",)
    details = [g.detail for g in found["missing_class"].groups]
    assert details == ["no normal images in train", "no abnormal images in test"]
    assert found["unknown_patients"].groups[0].images == ("/d/train/a.png",)
    assert found["unknown_patients"].title == "unknown patients: 1"
    assert found["no_validation"].title == "no validation"


def test_an_unknown_patient_is_told_by_its_mark_and_not_by_its_looks():
    looks = [item("/d/train/a.png", "test", 0, "train/a.png"), item("/d/x.arrow#17/image", "test", 0, "test/17")]
    assert [patient_unknown(i) for i in looks] == [False, False]
    assert [patient_unknown({**i, "patient_known": False}) for i in looks] == [True, True]


def test_unknown_patients_of_a_hub_folder_of_pictures_are_reported(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for i, place in enumerate(("train/normal", "test/normal", "test/ill")):
        (tmp_path / "d" / place).mkdir(parents=True)
        Image.fromarray(np.full((8, 8), i, dtype=np.uint8)).save(tmp_path / "d" / place / f"{i}.png")
    read = read_source(f"hf://{tmp_path / 'd'}", ["normal"], ["ill"])
    (finding,) = [f for f in check_splits(read.items, []) if f.kind == "unknown_patients"]
    assert finding.title == "unknown patients: 3"
