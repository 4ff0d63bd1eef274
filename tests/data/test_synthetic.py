from __future__ import annotations

import csv
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import synthetic
from imgae_monai.data.phantom import FINDINGS
from imgae_monai.data.synthetic import parse_synthetic_uri, synthetic_folder, write_synthetic_dataset

SMALL = {"size": 32, "n_train": 12, "n_val": 5, "n_test_normal": 6, "n_test_abnormal": 9, "seed": 3}
URI = "synthetic://?" + "&".join(f"{key}={value}" for key, value in SMALL.items())


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def manifest(folder: Path) -> list[dict[str, str]]:
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_synthetic_dataset(tmp_path_factory.mktemp("synthetic") / "small", **SMALL)


def test_tree_manifest_and_marker(small):
    rows = manifest(small)
    assert list(rows[0]) == ["file", "split", "label", "patient_id", "view", "sex", "age", "finding"]
    assert Counter((row["split"], row["label"]) for row in rows) == {
        ("train", "normal"): 12,
        ("val", "normal"): 5,
        ("test", "normal"): 6,
        ("test", "abnormal"): 9,
    }
    masks = {f"masks/{row['file']}" for row in rows if row["label"] == "abnormal"}
    assert set(contents(small)) == {row["file"] for row in rows} | masks | {"manifest.csv", "synthetic.json"}
    for row in rows:
        assert row["file"].startswith(f"{row['split']}/{row['label']}/{row['patient_id']}_")
        assert row["finding"] in (FINDINGS if row["label"] == "abnormal" else ("No finding",))
        assert row["view"] in ("PA", "AP")
        assert row["sex"] in ("F", "M")
        assert 20 <= int(row["age"]) < 90
    assert {row["finding"] for row in rows if row["label"] == "abnormal"} == set(FINDINGS)
    marker = json.loads((small / "synthetic.json").read_text(encoding="utf-8"))
    assert marker["parameters"] == SMALL
    assert marker["generator_version"] == synthetic.GENERATOR_VERSION
    assert "not patients" in marker["notice"]


def test_images_are_8_bit_grey_and_masks_are_binary(small):
    for row in manifest(small):
        with Image.open(small / row["file"]) as image:
            assert (image.mode, image.size) == ("L", (32, 32))
            assert np.asarray(image).std() > 20
        if row["label"] == "abnormal":
            with Image.open(small / "masks" / row["file"]) as mask:
                assert (mask.mode, mask.size) == ("L", (32, 32))
                assert set(np.unique(np.asarray(mask))) == {0, 255}


def test_same_parameters_same_bytes_and_another_seed_other_images(small, tmp_path):
    assert contents(write_synthetic_dataset(tmp_path / "again", **SMALL)) == contents(small)
    other = contents(write_synthetic_dataset(tmp_path / "other", **(SMALL | {"seed": 4})))
    assert not set(other.values()) & set(contents(small).values())


def test_no_image_occurs_twice(small):
    images = [data for name, data in contents(small).items() if name.endswith(".png") and not name.startswith("masks/")]
    assert len(set(images)) == len(images)


def test_counts_of_one_split_leave_the_others_alone(small, tmp_path):
    larger = write_synthetic_dataset(tmp_path / "larger", **(SMALL | {"n_train": 14, "n_test_normal": 3}))
    before, after = contents(small), contents(larger)
    kept = [name for name in before if name.startswith(("val/", "test/abnormal/", "masks/", "train/"))]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    rows = {row["file"]: row for row in manifest(larger)}
    assert all(rows[row["file"]] == row for row in manifest(small) if row["file"] in kept)


def test_no_patient_in_two_splits_and_a_third_come_twice():
    visits = defaultdict(list)
    for group, (split, label) in enumerate(synthetic._GROUPS):
        for row, _, _ in synthetic._draw(group, 60, 32, 0):
            visits[row["patient_id"]].append((split, label, row["sex"], row["age"], row["finding"]))
    assert all(len(set(of_one)) == 1 for of_one in visits.values())
    twice = np.mean([len(of_one) == 2 for of_one in visits.values()])
    assert max(map(len, visits.values())) == 2
    assert 0.2 < twice < 0.47


def test_existing_set_is_returned_untouched(small):
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    assert write_synthetic_dataset(small, **SMALL) == small
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path):
    assert (write_synthetic_dataset(tmp_path, **SMALL) / "synthetic.json").is_file()


def test_nothing_is_overwritten(small, tmp_path):
    with pytest.raises(ValueError, match=r"another synthetic data set: .*'seed': 4.*'seed': 3"):
        write_synthetic_dataset(small, **(SMALL | {"seed": 4}))
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match=r"not a synthetic data set \(no synthetic.json\)"):
        write_synthetic_dataset(tmp_path, **SMALL)
    with pytest.raises(ValueError, match="not a synthetic data set"):
        write_synthetic_dataset(tmp_path / "thesis.txt", **SMALL)
    assert contents(tmp_path) == {"thesis.txt": b"mine"}


def test_a_set_that_lost_images_is_refused(tmp_path):
    folder = write_synthetic_dataset(tmp_path / "set", **SMALL)
    lost = manifest(folder)[2]["file"]
    (folder / lost).unlink()
    with pytest.raises(ValueError, match=f"lacks 1 of its images, {lost} first"):
        write_synthetic_dataset(folder, **SMALL)


def test_an_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    calls = iter(range(100))

    def breaks(*args, **kwargs):
        if next(calls) == 5:
            raise KeyboardInterrupt
        return np.zeros((32, 32)), np.zeros((32, 32), dtype=bool)

    monkeypatch.setattr(synthetic, "chest_phantom", breaks)
    with pytest.raises(KeyboardInterrupt):
        write_synthetic_dataset(tmp_path / "set", **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_the_same_set_written_meanwhile_is_taken(small, tmp_path, monkeypatch):
    """Two ranks of one job may ask for the same set."""
    target = tmp_path / "set"

    def overtaken(folder, parameters):
        monkeypatch.undo()
        write_synthetic_dataset(target, **parameters)
        folder.mkdir()

    monkeypatch.setattr(synthetic, "_write", overtaken)
    assert contents(write_synthetic_dataset(target, **SMALL)) == contents(small)
    assert list(tmp_path.iterdir()) == [target]


def test_uri_gives_the_parameters():
    defaults = {"size": 128, "n_train": 160, "n_val": 40, "n_test_normal": 40, "n_test_abnormal": 40, "seed": 0}
    assert parse_synthetic_uri("synthetic://") == defaults
    assert parse_synthetic_uri("synthetic://?size=64&n_train=50&seed=3") == defaults | {
        "size": 64,
        "n_train": 50,
        "seed": 3,
    }
    assert parse_synthetic_uri(URI) == SMALL


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("synthetic://?n_trian=5", "unknown key 'n_trian'.*did you mean 'n_train'"),
        ("synthetic://?Seed=5", "unknown key 'Seed'.*did you mean 'seed'"),
        ("synthetic://?size=64&size=32", "'size' is given twice"),
        ("synthetic://?size=64.5", "size must be an integer, got '64.5'"),
        ("synthetic://?size=", "size must be an integer, got ''"),
        ("synthetic://?size=31", "size must be an integer of at least 32, got 31"),
        ("synthetic://?n_val=0", "n_val must be an integer of at least 1, got 0"),
        ("synthetic://?seed=-1", "seed must be an integer of at least 0, got -1"),
        ("synthetic://size=64", r"expected synthetic:// or .*, got 'synthetic://size=64'"),
        ("synthetic:size", "expected synthetic:// or"),
        ("/data/nih", "expected synthetic:// or"),
    ],
)
def test_bad_uris_are_explained(uri, message):
    with pytest.raises(ValueError, match=message):
        parse_synthetic_uri(uri)


@pytest.mark.parametrize("arguments", [{"size": 64.0}, {"n_train": True}, {"n_test_abnormal": 0}])
def test_bad_arguments_are_refused_before_writing(arguments, tmp_path):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))} must be an integer of at least"):
        write_synthetic_dataset(tmp_path / "set", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_uri_is_cached_by_parameters_and_generator_version(small, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = synthetic_folder(URI)
    assert folder.parent == tmp_path / "imgae_monai"
    assert folder.name.startswith("synthetic-")
    assert contents(folder) == contents(small)
    made = (folder / "synthetic.json").stat().st_mtime_ns
    assert synthetic_folder(URI) == folder
    assert (folder / "synthetic.json").stat().st_mtime_ns == made
    assert synthetic_folder(URI.replace("n_val=5", "n_val=4")) != folder
    monkeypatch.setattr(synthetic, "GENERATOR_VERSION", synthetic.GENERATOR_VERSION + 1)
    assert synthetic_folder(URI) != folder


def test_cache_lies_under_home_without_xdg(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert synthetic_folder(URI).parent == tmp_path / ".cache" / "imgae_monai"


def test_temporary_folder_where_the_cache_cannot_be_written(tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.touch()
    spare = tmp_path / "tmp"
    spare.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr(synthetic.tempfile, "gettempdir", lambda: os.fspath(spare))
    folder = synthetic_folder(URI)
    assert folder.parent == spare
    assert len(manifest(folder)) == 32
    assert str(blocked) in caplog.text
