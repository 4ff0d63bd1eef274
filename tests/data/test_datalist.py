from __future__ import annotations

import dataclasses
import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import (
    Datalist,
    file_sha256,
    load_datalist,
    refuse_seen,
    write_datalist_file,
    write_synthetic_dataset,
)
from imgae_monai.exceptions import InputError
from tests.data.medical_files import nifti

SMALL = {"size": 32, "n_train": 9, "n_val": 4, "n_test_normal": 3, "n_test_abnormal": 3}
URI = "synthetic://?" + "&".join(f"{key}={value}" for key, value in SMALL.items())
PATTERN = r"p\d+"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)).save(path)


def tree(root: Path, val: bool = True, n_train: int = 10, first_seed: int = 0) -> Path:
    """Patients p0 ... with two training images each, p50, p51 in validation, p60 normal and p70 abnormal in test."""
    names = [f"train/normal/p{p}_{visit}.png" for p in range(n_train) for visit in range(2)]
    names += [f"val/normal/p{p}_0.png" for p in (50, 51)] if val else []
    names += ["test/normal/p60_0.png", "test/abnormal/p70_0.png"]
    for seed, name in enumerate(names):
        picture(root / name, first_seed + seed)
    return root


def splits_by_patient(data: Datalist) -> dict[str, set[str]]:
    splits = defaultdict(set)
    for item in data.items:
        splits[item["patient_id"]].add(item["split"])
    return splits


def test_a_validation_split_that_is_there_is_kept(tmp_path):
    data = load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN, val_fraction=0.5)
    assert data.counts == {
        "train": {"normal": 20, "abnormal": 0},
        "val": {"normal": 2, "abnormal": 0},
        "test": {"normal": 1, "abnormal": 1},
    }
    assert {i["patient_id"] for i in data.select("val")} == {"p50", "p51"}
    assert not data.synthetic
    assert data.source == str(tmp_path / "d")


@pytest.mark.parametrize("seed", range(5))
def test_an_absent_validation_split_is_made_by_patient(tmp_path, seed):
    root = tree(tmp_path / "d", val=False)
    data = load_datalist(root, patient_pattern=PATTERN, val_fraction=0.3, seed=seed)
    assert data.counts["val"] == {"normal": 6, "abnormal": 0}  # 3 of 10 patients, 2 images each
    assert data.counts["train"]["normal"] == 14
    assert data.counts["test"] == {"normal": 1, "abnormal": 1}
    assert all(len(splits) == 1 for splits in splits_by_patient(data).values())
    assert load_datalist(root, patient_pattern=PATTERN, val_fraction=0.3, seed=seed).items == data.items


def test_the_seed_chooses_the_validation_patients(tmp_path):
    root = tree(tmp_path / "d", val=False)
    chosen = {
        frozenset(i["patient_id"] for i in load_datalist(root, patient_pattern=PATTERN, seed=seed).select("val"))
        for seed in range(8)
    }
    assert len(chosen) > 2


def test_a_source_of_test_images_only_is_left_alone(tmp_path):
    root = tree(tmp_path / "d", val=False)
    shutil.rmtree(root / "train")
    counts = load_datalist(root, patient_pattern=PATTERN).counts
    assert counts["test"] == {"normal": 1, "abnormal": 1}
    assert counts["train"] == counts["val"] == {"normal": 0, "abnormal": 0}


@pytest.mark.parametrize("given", [str, Path])
def test_a_missing_source_is_explained(tmp_path, given):
    with pytest.raises(
        InputError, match=r"data .*gone does not exist: give a folder, a datalist \.json or synthetic://"
    ):
        load_datalist(given(tmp_path / "gone"))


def test_an_empty_source_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no folder named train, val or test"):
        load_datalist(tmp_path)
    (tmp_path / "train" / "normal").mkdir(parents=True)
    with pytest.raises(InputError, match=r"has no images \(\.png"):
        load_datalist(tmp_path)


def test_a_file_of_another_type_is_refused(tmp_path):
    (tmp_path / "data.csv").touch()
    with pytest.raises(InputError, match=r"data\.csv is a file, expected a folder or a datalist \.json"):
        load_datalist(tmp_path / "data.csv")


def test_home_is_expanded(tmp_path, monkeypatch):
    tree(tmp_path / "d")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_datalist("~/d", patient_pattern=PATTERN).counts["train"]["normal"] == 20


def test_one_class_name_may_be_a_string(tmp_path):
    root = tree(tmp_path / "d")
    for path in list(root.glob("*/*")):
        path.rename(path.with_name({"normal": "healthy", "abnormal": "ill"}[path.name]))
    counts = load_datalist(root, "healthy", "ill", patient_pattern=PATTERN).counts
    assert counts["test"] == {"normal": 1, "abnormal": 1}


def test_abnormal_training_images_are_refused(tmp_path):
    root = tree(tmp_path / "d")
    picture(root / "train" / "abnormal" / "p80_0.png", 800)
    message = r"1 abnormal image\(s\) in the training split of .*, which must be normal only: .*p80_0\.png\. Move them"
    with pytest.raises(InputError, match=message):
        load_datalist(root, patient_pattern=PATTERN)
    picture(root / "train" / "abnormal" / "p81_0.png", 801)
    with pytest.raises(InputError, match=r"2 abnormal image.*p80_0\.png \.\.\.\. .* drop_train_abnormal"):
        load_datalist(root, patient_pattern=PATTERN)


@pytest.mark.parametrize("val", [True, False])
def test_abnormal_training_images_are_dropped_on_demand(tmp_path, val, caplog):
    root = tree(tmp_path / "d", val=val)
    before = load_datalist(root, patient_pattern=PATTERN)
    picture(root / "train" / "abnormal" / "p0_9.png", 800)  # of a patient with normal images too
    after = load_datalist(root, patient_pattern=PATTERN, drop_train_abnormal=True)
    assert after.items == before.items
    assert "1 abnormal training images are left out" in caplog.text


def test_a_patient_in_two_splits_is_refused(tmp_path):
    root = tree(tmp_path / "d")
    picture(root / "test" / "normal" / "p0_7.png", 800)
    with pytest.raises(InputError, match=r"1 patient\(s\) stand in more than one split, .*p0: .*\(test\).*\(train\)"):
        load_datalist(root, patient_pattern=PATTERN)


def test_a_copy_in_another_split_is_refused(tmp_path):
    root = tree(tmp_path / "d")
    shutil.copy(root / "train" / "normal" / "p3_0.png", root / "test" / "normal" / "p90_0.png")
    with pytest.raises(InputError, match=r"1 image\(s\) stand in more than one split, .*p90_0\.png.*p3_0\.png"):
        load_datalist(root, patient_pattern=PATTERN)


def test_select_gives_what_a_dataset_takes(tmp_path):
    data = load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN)
    path = str(tmp_path / "d" / "test" / "abnormal" / "p70_0.png")
    known = {"image": path, "image_path": path, "label": 1, "patient_id": "p70", "sha256": file_sha256(path)}
    assert data.select("test", 1) == [{**known, "patient_known": True}]
    assert [i["label"] for i in data.select("test")] == [1, 0]
    assert [i["patient_id"] for i in data.select("test", 0)] == ["p60"]


def test_select_of_nothing_is_explained(tmp_path):
    root = tree(tmp_path / "d")
    shutil.rmtree(root / "test" / "normal")
    data = load_datalist(root, patient_pattern=PATTERN)
    message = r"no normal images in the test split of .*: found \{'train': \{'normal': 20.*'abnormal': 1\}\}"
    with pytest.raises(InputError, match=message):
        data.select("test", 0)
    with pytest.raises(InputError, match="no abnormal images in the val split"):
        data.select("val", 1)
    with pytest.raises(InputError, match="no images in the training split"):
        data.select("training")


def test_datalist_file_and_folder_give_the_same_data(tmp_path):
    folder = load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN)
    write_datalist_file(tmp_path / "datalist.json", folder)
    data = load_datalist(tmp_path / "datalist.json")
    assert data.counts == folder.counts
    assert data.fingerprint == folder.fingerprint
    assert not data.synthetic


def test_hashes_are_of_the_files_not_of_what_a_datalist_says(tmp_path):
    folder = load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN)
    lies = [item | {"sha256": "0" * 64} for item in folder.items]
    write_datalist_file(tmp_path / "datalist.json", dataclasses.replace(folder, items=lies))
    assert load_datalist(tmp_path / "datalist.json").fingerprint == folder.fingerprint


def test_fingerprint_does_not_depend_on_the_place(tmp_path):
    first = load_datalist(tree(tmp_path / "a"), patient_pattern=PATTERN)
    shutil.copytree(tmp_path / "a", tmp_path / "elsewhere" / "b")
    assert load_datalist(tmp_path / "elsewhere" / "b", patient_pattern=PATTERN).fingerprint == first.fingerprint


@pytest.mark.parametrize("change", ["label", "split", "content", "patient"])
def test_fingerprint_depends_on_what_counts(tmp_path, change):
    root = tree(tmp_path / "a")
    before = load_datalist(root, patient_pattern=PATTERN).fingerprint
    path = root / "test" / "normal" / "p60_0.png"
    if change == "content":
        picture(path, 999)
    else:
        new = {"label": "test/abnormal/p60_0.png", "split": "val/normal/p60_0.png", "patient": "test/normal/p61_0.png"}
        path.rename(root / new[change])
    assert load_datalist(root, patient_pattern=PATTERN).fingerprint != before


def test_synthetic_data_is_marked_and_warned_of(caplog):
    data = load_datalist(URI)
    assert data.synthetic
    assert data.source == URI
    assert data.counts == {
        "train": {"normal": 9, "abnormal": 0},
        "val": {"normal": 4, "abnormal": 0},
        "test": {"normal": 3, "abnormal": 3},
    }
    assert f"{URI}: SYNTHETIC DATA (drawn phantoms, not patients)" in caplog.text
    assert "patient of" not in caplog.text  # the manifest knows them


def test_a_synthetic_folder_stays_synthetic(tmp_path, caplog):
    folder = write_synthetic_dataset(tmp_path / "mine", **SMALL)
    data = load_datalist(folder)
    assert data.synthetic
    assert "SYNTHETIC DATA" in caplog.text
    assert data.fingerprint == load_datalist(URI).fingerprint


def test_real_folders_are_not_called_synthetic(tmp_path, caplog):
    assert not load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN).synthetic
    assert "SYNTHETIC" not in caplog.text


def test_a_bad_synthetic_uri_is_refused():
    with pytest.raises(InputError, match="unknown key 'n_trian'"):
        load_datalist("synthetic://?n_trian=3")


@pytest.fixture
def trained(tmp_path) -> tuple[Datalist, Path]:
    data = load_datalist(tree(tmp_path / "d"), patient_pattern=PATTERN)
    record = tmp_path / "datalist.json"
    write_datalist_file(record, data)
    return data, record


def test_the_test_split_of_the_same_source_may_be_evaluated(trained, caplog):
    data, record = trained
    refuse_seen(data, "test", record)
    refuse_seen(data, "test", str(record))
    assert caplog.text == ""


@pytest.mark.parametrize(("split", "n", "more"), [("train", 20, r" \.\.\."), ("val", 2, "")])
def test_images_that_were_trained_or_selected_on_are_refused(trained, split, n, more):
    data, record = trained
    message = rf"^{n} image\(s\) of the {split} split, or their patients, were trained on .*: .*{more}\. Use images of"
    with pytest.raises(InputError, match=message) as e:
        refuse_seen(data, split, record)
    assert str(e.value).count(".png") == min(n, 5)


def test_the_same_bytes_from_another_source_are_refused(trained, tmp_path):
    _, record = trained
    other = tree(tmp_path / "other", first_seed=5000)
    shutil.copy(tmp_path / "d" / "train" / "normal" / "p4_1.png", other / "test" / "abnormal" / "p99_0.png")
    data = load_datalist(other, patient_pattern=PATTERN)
    with pytest.raises(InputError, match=r"1 image\(s\) of the test split, .* were trained on .*: .*p99_0\.png\. Use"):
        refuse_seen(data, "test", record)


def test_another_image_of_a_trained_patient_is_refused(trained, tmp_path):
    _, record = trained
    for path in (tmp_path / "d" / "train" / "normal").glob("p5_*.png"):
        path.unlink()
    picture(tmp_path / "d" / "test" / "normal" / "p5_2.png", 800)
    data = load_datalist(tmp_path / "d", patient_pattern=PATTERN)
    with pytest.raises(InputError, match=r"1 image\(s\) of the test split, .*p5_2\.png\. Use images of oth"):
        refuse_seen(data, "test", record)


def test_the_same_patient_id_in_another_source_is_warned_of(trained, tmp_path, caplog):
    _, record = trained
    other = tmp_path / "other"
    picture(other / "test" / "normal" / "p0_0.png", 5000)
    picture(other / "test" / "abnormal" / "p1_0.png", 5001)
    caplog.clear()
    refuse_seen(load_datalist(other, patient_pattern=PATTERN), "test", record)
    assert caplog.text.count("WARNING") == 1
    assert (
        f"2 patient id(s) of the test split of {other} also occur among those trained on, of {tmp_path}/d (p0, p1): "
        in (caplog.text)
    )
    record.write_text(
        json.dumps(json.loads(record.read_text(encoding="utf-8")) | {"source": str(other)}), encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"2 image\(s\) of the test split"):  # it was the source that told them apart
        refuse_seen(load_datalist(other, patient_pattern=PATTERN), "test", record)


def test_stand_ins_for_unknown_patients_of_two_sources_are_not_compared(trained, tmp_path, caplog):
    _, record = trained
    content = json.loads(record.read_text(encoding="utf-8"))
    for item in content["training"]:
        item |= {"patient_id": f"train/{item['patient_id']}", "patient_known": False}
    record.write_text(json.dumps(content), encoding="utf-8")
    other = tmp_path / "other"
    picture(other / "test" / "normal" / "x.png", 5000)
    data = load_datalist(other)
    data.items[0]["patient_id"] = content["training"][0]["patient_id"]
    caplog.clear()
    refuse_seen(data, "test", record)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("trained_source", "source", "same"),
    [
        ("hf://o/n", "hf://o/n?streaming=true", True),
        ("hf://o/n?config=a", "hf://o/n?streaming=true&config=a", True),
        ("/d/hub", "hf:///d/hub?streaming=true", True),
        ("{tmp}/d", "{tmp}/fix.json", True),
        ("{tmp}/again.json", "{tmp}/d", True),
        ("{tmp}/again.json", "{tmp}/fix.json", True),
        ("hf://o/n", "hf://o/m", False),
        ("{tmp}/gone.json", "{tmp}/d", False),
        ("{tmp}/round.json", "{tmp}/d", False),
    ],
)
def test_patients_are_compared_whatever_the_spelling_of_their_source(trained_source, source, same, tmp_path, caplog):
    for name, made_from in (("fix", "{tmp}/d"), ("again", "{tmp}/fix.json"), ("round", "{tmp}/round.json")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"source": made_from.format(tmp=tmp_path)}))
    record = tmp_path / "datalist.json"
    item = {"image": "a.png", "sha256": "a", "patient_id": "7", "label": 0}
    content = {"source": trained_source.format(tmp=tmp_path), "training": [item], "validation": []}
    record.write_text(json.dumps(content))
    data = Datalist([{**item, "sha256": "b", "split": "test"}], source.format(tmp=tmp_path), False)
    if same:
        with pytest.raises(InputError, match=r"1 image\(s\) of the test split, or their patients"):
            refuse_seen(data, "test", record)
    else:
        refuse_seen(data, "test", record)
        assert "1 patient id(s) of the test split" in caplog.text


@pytest.mark.parametrize(("trained_axis", "axis"), [(2, 1), (2, 0), (None, 2), (1, None)])
def test_a_volume_that_was_trained_on_is_known_again_however_it_is_sliced(trained_axis, axis, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("train/normal/a", "train/normal/b", "train/normal/c", "test/abnormal/d"):
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        nifti(tmp_path / "d" / f"{name}.nii.gz", rng.integers(0, 99, (4, 5, 6)).astype(np.int16))
    data = load_datalist(tmp_path / "d", slice_axis=trained_axis)
    record = tmp_path / "datalist.json"
    write_datalist_file(record, data)
    other = tmp_path / "other" / "test" / "normal"
    other.mkdir(parents=True)
    shutil.copy(tmp_path / "d/test/abnormal/d.nii.gz", other / "fine.nii.gz")
    refuse_seen(load_datalist(tmp_path / "other", slice_axis=axis), "test", record)
    shutil.copy(tmp_path / "d/train/normal/a.nii.gz", other / "scan.nii.gz")
    with pytest.raises(InputError, match=r"image\(s\) of the test split, .*scan\.nii\.gz") as e:
        refuse_seen(load_datalist(tmp_path / "other", slice_axis=axis), "test", record)
    assert "fine" not in str(e.value)


def test_a_record_of_before_volumes_were_hashed_can_be_read(trained, tmp_path):
    data, record = trained
    refuse_seen(data, "test", record)
    assert "volume_sha256" not in record.read_text(encoding="utf-8")


def test_a_missing_record_warns(trained, tmp_path, caplog):
    data, _ = trained
    refuse_seen(data, "train", tmp_path / "gone.json")
    assert "gone.json is missing: whether these images were trained on can't be told" in caplog.text
