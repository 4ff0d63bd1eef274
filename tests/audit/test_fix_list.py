from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgae_monai.audit import Audit, audit_source, removed_images, write_fix_list
from imgae_monai.audit.duplicates import Copies
from imgae_monai.audit.measurement import Measurement
from imgae_monai.data import Source, load_datalist, read_source
from imgae_monai.exceptions import InputError


def made(rows: list[tuple[str, int, str]], copies: list[Copies] = ()) -> Audit:
    """An audit of good images ``(split, label, patient)``."""
    items = [
        {"image": f"/d/{i}", "split": split, "label": label, "patient_id": patient}
        for i, (split, label, patient) in enumerate(rows)
    ]
    measurements = [Measurement(item["image"], statistics={"std": 0.2}) for item in items]
    return Audit(Source(items, "d"), measurements, list(copies), [], [], 16, 0.0)


def test_the_test_split_is_never_touched_to_mend_a_leak():
    audit = made([("train", 0, "a"), ("val", 0, "a"), ("test", 0, "a"), ("train", 0, "b"), ("val", 0, "b")])
    assert removed_images(audit) == dict.fromkeys((0, 1, 3), "patient_across_splits")


def test_of_copies_in_one_split_the_first_stays():
    audit = made([("test", 0, "a"), ("test", 0, "b"), ("test", 0, "c")], [Copies((0, 1, 2), True, "")])
    assert removed_images(audit) == {1: "duplicate", 2: "duplicate"}


def test_near_copies_within_a_split_stay():
    audit = made([("test", 0, "a"), ("test", 0, "b")], [Copies((0, 1), False, "")])
    assert removed_images(audit) == {}


def test_near_copies_over_splits_leave_the_earlier_split():
    audit = made([("train", 0, "a"), ("val", 0, "b"), ("test", 0, "c")], [Copies((0, 1, 2), False, "")])
    assert removed_images(audit) == dict.fromkeys((0, 1), "near_duplicate_across_splits")


def test_all_copies_of_two_labels_go_and_so_do_abnormal_training_images():
    audit = made([("test", 0, "a"), ("test", 1, "b"), ("train", 1, "c")], [Copies((0, 1), True, "")])
    assert removed_images(audit) == {0: "label_conflict", 1: "label_conflict", 2: "abnormal_in_train"}


def test_the_list_of_a_spoilt_set_passes_what_training_checks(spoilt, spoilt_audit, tmp_path):
    with pytest.raises(InputError):
        load_datalist(spoilt)
    write_fix_list(tmp_path / "fixed.json", spoilt_audit)
    data = load_datalist(tmp_path / "fixed.json")
    names = {Path(i["image"]).relative_to(spoilt).as_posix() for i in data.items}
    everything = {Path(i["image"]).relative_to(spoilt).as_posix() for i in spoilt_audit.source.items}
    assert everything - names == {
        *(f"train/normal/{name}" for name in ("cut.png", "empty.png", "page.png", "black.png", "copy.png", "b.png")),
        *(f"train/normal/{name}" for name in ("of_test.png", "pixels_of_val.bmp", "near_test.jpg")),
        *("test/normal/<script>alert(1)<b>.png", "test/normal/c.png", "test/normal/near.jpg"),
        *("test/abnormal/blank.png", "test/abnormal/same.png", "test/abnormal/a.png"),
    }
    again = audit_source(read_source(tmp_path / "fixed.json"), workers=1)
    assert again.of("error") == []
    assert {f.kind for f in again.of("warning")} <= {"odd_size", "shortcut"}


def test_source_and_synthetic_mark_are_kept_and_paths_are_absolute(phantoms, tmp_path, monkeypatch):
    monkeypatch.chdir(phantoms.parent)
    audit = audit_source(read_source(phantoms.name), workers=1)
    (tmp_path / "elsewhere").mkdir()
    write_fix_list(tmp_path / "elsewhere" / "fixed.json", audit)
    content = json.loads((tmp_path / "elsewhere" / "fixed.json").read_text())
    assert content["source"] == str(phantoms)
    monkeypatch.chdir(tmp_path)
    data = load_datalist("elsewhere/fixed.json")
    assert data.synthetic
    assert all(Path(i["image"]).is_relative_to(phantoms) for i in data.items)


def test_a_file_is_not_replaced_unasked(spoilt_audit, tmp_path):
    path = tmp_path / "fixed.json"
    path.write_text("mine")
    with pytest.raises(InputError, match="exists: give another file, or --overwrite"):
        write_fix_list(path, spoilt_audit)
    assert path.read_text() == "mine"
    write_fix_list(path, spoilt_audit, overwrite=True)
    assert json.loads(path.read_text())["training"]


def test_a_set_with_nothing_left_is_refused(tmp_path):
    with pytest.raises(InputError, match="every image of d has a fault"):
        write_fix_list(tmp_path / "fixed.json", made([("train", 1, "a")]))


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["train", "val", "test"]), st.integers(0, 1), st.sampled_from("abcdef")),
        min_size=1,
        max_size=12,
    ),
    groups=st.lists(st.tuples(st.sets(st.integers(0, 11), min_size=2, max_size=4), st.booleans()), max_size=4),
)
def test_no_leak_is_left_whatever_the_set(rows, groups):
    copies = [Copies(tuple(sorted(g)), exact, "") for g, exact in groups if max(g) < len(rows)]
    removed = removed_images(made(rows, copies))
    kept = [i for i in range(len(rows)) if i not in removed]
    for patient in "abcdef":
        assert len({rows[i][0] for i in kept if rows[i][2] == patient}) <= 1
    for group in copies:
        own = [i for i in group.members if i in kept]
        assert len({rows[i][0] for i in own}) <= 1
        assert not group.exact or len(own) <= 1
    assert ("train", 1) not in {rows[i][:2] for i in kept}
    of_test = {reason for i, reason in removed.items() if rows[i][0] == "test"}
    assert of_test <= {"label_conflict", "near_label_conflict", "duplicate"}
