from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from imgae_monai.data import check_disjoint, check_labels, split_validation
from imgae_monai.exceptions import InputError


def training(n_patients: int, seed: int = 0) -> list[dict[str, Any]]:
    """One to four images a patient, and a test set that must stay."""
    visits = np.random.default_rng(seed).integers(1, 5, n_patients)
    items = [
        {"image": f"{p}_{v}.png", "label": 0, "patient_id": f"p{p}", "split": "train"}
        for p in range(n_patients)
        for v in range(visits[p])
    ]
    return [*items, *({"image": f"t{k}.png", "label": k, "patient_id": f"t{k}", "split": "test"} for k in (0, 1))]


def held_out(items: list[dict[str, Any]]) -> set[str]:
    return {item["patient_id"] for item in items if item["split"] == "val"}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.9])
def test_whole_patients_move_and_nothing_else_changes(seed, fraction):
    items = training(40, seed)
    out = split_validation(items, fraction, seed)
    splits = defaultdict(set)
    for item in out:
        splits[item["patient_id"]].add(item["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert len(held_out(out)) == 40 * fraction
    assert [item | {"split": None} for item in out] == [item | {"split": None} for item in items]
    assert [item["split"] for item in out if item["image"].startswith("t")] == ["test", "test"]
    assert all(item["split"] in ("train", "test") for item in items)


@pytest.mark.parametrize("seed", range(10))
def test_the_choice_does_not_depend_on_the_order(seed):
    items = training(30)
    chosen = held_out(split_validation(items, 0.2, seed))
    for shuffle in range(5):
        order = np.random.default_rng(shuffle).permutation(len(items))
        assert held_out(split_validation([items[i] for i in order], 0.2, seed)) == chosen


def test_the_choice_depends_on_the_seed_and_chance_alone():
    items = training(30)
    chosen = [held_out(split_validation(items, 0.2, seed)) for seed in range(100)]
    assert chosen == [held_out(split_validation(items, 0.2, seed)) for seed in range(100)]
    assert len({frozenset(patients) for patients in chosen}) > 90
    times = np.array([sum(f"p{p}" in patients for patients in chosen) for p in range(30)])
    assert times.sum() == 600
    assert times.min() >= 5  # 20 expected, standard deviation 4
    assert times.max() <= 38


@pytest.mark.parametrize(
    ("n_patients", "fraction", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (10, 0.01, 1), (10, 0.99, 9), (10, 0.34, 3)]
)
def test_each_side_keeps_a_patient(n_patients, fraction, expected):
    out = split_validation(training(n_patients), fraction, 0)
    assert len(held_out(out)) == expected
    assert any(item["split"] == "train" for item in out)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_fractions_out_of_range_are_refused(fraction):
    with pytest.raises(InputError, match=rf"val_fraction must be in \(0, 1\), got {fraction}"):
        split_validation(training(10), fraction, 0)


@pytest.mark.parametrize("n_patients", [0, 1])
def test_too_few_patients_are_refused(n_patients):
    message = rf"cannot split validation off {n_patients} normal training patient\(s\): give a val split"
    with pytest.raises(InputError, match=message):
        split_validation(training(n_patients), 0.5, 0)


def item(image: str, patient: str, split: str, sha256: str | None = None) -> dict[str, Any]:
    return {"image": image, "patient_id": patient, "split": split, "sha256": sha256 or f"hash of {image}"}


def test_disjoint_splits_pass_with_copies_and_visits_within_one():
    check_disjoint(
        [item("a", "p1", "train", "x"), item("b", "p1", "train", "x"), item("c", "p2", "test"), item("d", "p2", "test")]
    )


@pytest.mark.parametrize("splits", [("train", "val"), ("train", "test"), ("val", "test")])
def test_a_patient_in_two_splits_is_named_with_its_images(splits):
    items = [item("a.png", "p1", splits[0]), item("b.png", "p2", "train"), item("c.png", "p1", splits[1])]
    message = (
        rf"1 patient\(s\) stand in more than one split, so test figures would be too good: "
        rf"p1: a\.png \({splits[0]}\) and c\.png \({splits[1]}\)\. Leave each patient in one split"
    )
    with pytest.raises(InputError, match=message):
        check_disjoint(items)


def test_the_same_bytes_under_two_names_are_refused():
    items = [item("a.png", "p1", "train", "same"), item("copy.png", "p2", "test", "same")]
    message = r"1 image\(s\) stand in more than one split, .*: a\.png \(train\) and copy\.png \(test\)\. Leave each im"
    with pytest.raises(InputError, match=message):
        check_disjoint(items)


def test_slices_of_one_volume_under_two_patients_are_refused():
    items = [
        item("a.nii#2/3", "p1", "train") | {"volume_sha256": "v"},
        item("b.nii#2/3", "p3", "train") | {"volume_sha256": "w"},
        item("copy.nii#2/4", "p2", "test") | {"volume_sha256": "v"},
        item("c.png", "p4", "test"),
    ]
    message = r"^1 volume\(s\) stand in .*: a\.nii#2/3 \(train\) and copy\.nii#2/4 \(test\)\. Leave each volume in one"
    with pytest.raises(InputError, match=message):
        check_disjoint(items)
    check_disjoint([i | {"split": "train"} for i in items])


def test_only_the_first_five_are_shown():
    items = [item(f"{p}{split}", f"p{p}", split) for p in range(7) for split in ("train", "test")]
    with pytest.raises(InputError, match=r"^7 patient\(s\) .*4train \(train\) and 4test \(test\) \.\.\.\. Leave") as e:
        check_disjoint(items)
    assert "p5" not in str(e.value)


def test_patients_who_share_an_image_stay_together():
    items = [
        {
            "image": f"{i}",
            "patient_id": f"p{i}",
            "split": "train",
            "label": 0,
            "sha256": "copy" if i in (2, 5, 7) else f"{i}",
        }
        for i in range(10)
    ]
    for seed in range(20):
        split = {item["patient_id"]: item["split"] for item in split_validation(items, 0.4, seed)}
        assert len({split["p2"], split["p5"], split["p7"]}) == 1
        assert set(split.values()) == {"train", "val"}


def test_patients_who_share_a_volume_stay_together():
    volumes = {2: "v", 5: "v", 7: "w"}
    items = [
        {"image": f"{i}", "patient_id": f"p{i}", "split": "train", "label": 0, "sha256": f"{i}"}
        | ({"volume_sha256": volumes[i]} if i in volumes else {})
        for i in range(10)
    ]
    items[9]["sha256"] = "w"  # the whole volume, of which item 7 is a slice
    for seed in range(20):
        split = {item["patient_id"]: item["split"] for item in split_validation(items, 0.4, seed)}
        assert split["p2"] == split["p5"]
        assert split["p7"] == split["p9"]
        assert set(split.values()) == {"train", "val"}


def test_one_image_under_both_labels_is_named():
    items = [
        {"image": f"{i}.png", "label": label, "sha256": sha256, "split": "test"}
        for i, (label, sha256) in enumerate([(0, "a"), (1, "b"), (1, "c"), (0, "b"), (1, "c")])
    ]
    check_labels(items[:3])
    message = (
        r"^1 image\(s\) stand under both labels, byte for byte the same: 3\.png \(normal\) and 1\.png \(abnormal\)\."
    )
    with pytest.raises(InputError, match=message):
        check_labels(items)
