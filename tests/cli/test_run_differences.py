from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from imgae_monai.cli.run_differences import (
    compare_evaluation,
    compare_numbers,
    compare_training,
    environment_differences,
)

RECORD = {
    "epochs_run": 2,
    "best_epoch": 2,
    "batch_size": 8,
    "images_per_epoch": 24,
    "train_loss": [[1, 0.5], [2, 0.25]],
    "val_loss": [[1, 0.5], [2, 0.375]],
    "calibration": {"threshold": 0.75, "map_limit": 1.0},
}
METRICS = {
    "auroc": 0.75,
    "auroc_ci95": [0.5, 1.0],
    "f1": None,
    "n_normal": 12,
    "data_fingerprint": "abc",
    "n_threads": 2,
    "config": {"a": 1},
    "bundle": "x",
}


def write_run(folder: Path, weight: float = 1.0, scores=(0.5, 1.0), **changes) -> Path:
    (folder / "models").mkdir(parents=True)
    torch.save({"weight": torch.tensor([weight, 2.0])}, folder / "models" / "model.pt")
    (folder / "train.json").write_text(json.dumps({**RECORD, **changes}))
    (folder / "metrics.json").write_text(json.dumps({**METRICS, **changes}))
    with open(folder / "scores.csv", "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["image", "label", "patient_id", "score", "decision"])
        writer.writerows([f"{i}.png", 0, "p", score, 0] for i, score in enumerate(scores))
    return folder


def different(found) -> dict[str, tuple[float | None, str]]:
    return {d.what: (d.largest, d.note) for d in found if not d.identical}


def test_equal_runs_are_identical(tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    assert different(compare_training(a, b)) == {}
    assert different(compare_evaluation(a, b)) == {}
    assert "weights model_final.pt" not in {d.what for d in compare_training(a, b)}


def test_differences_are_the_largest_of_each_kind(tmp_path):
    a = write_run(tmp_path / "a")
    changes = {"train_loss": [[1, 0.5], [2, 0.5]], "val_loss": [[1, 0.5]], "epochs_run": 1}
    b = write_run(tmp_path / "b", weight=1.5, scores=(0.5, 0.875), **changes, auroc=0.5, auroc_ci95=[0.25, 0.9])
    assert different(compare_training(a, b)) == {
        "epochs_run": (1.0, "2 -> 1"),
        "train_loss": (0.25, "first at epoch 2"),
        "val_loss": (0.0, "2 -> 1 epochs"),
        "weights model.pt": (0.5, ""),
    }
    assert different(compare_evaluation(a, b)) == {
        "auroc": (0.25, "0.75 -> 0.5"),
        "auroc_ci95": (0.25, ""),
        "scores.csv": (0.125, ""),
    }


def test_the_smallest_difference_of_a_weight_counts(tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b", weight=math.nextafter(1.0, 2.0) + 2**-23)
    ((what, (largest, _)),) = different(compare_training(a, b)).items()
    assert (what, largest) == ("weights model.pt", 2**-23)


def test_weights_of_another_shape_or_missing_are_no_number(tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    torch.save({"weight": torch.zeros(3)}, b / "models" / "model.pt")
    assert different(compare_training(a, b)) == {"weights model.pt": (None, "of another network")}
    (b / "models" / "model.pt").unlink()
    assert different(compare_training(a, b))["weights model.pt"][1].endswith("model.pt is missing")


def test_weights_that_are_no_numbers_are_never_identical(tmp_path):
    a, b = write_run(tmp_path / "a", math.nan), write_run(tmp_path / "b", math.nan)
    ((_, (largest, _)),) = different(compare_training(a, b)).items()
    assert math.isnan(largest)


def test_images_that_only_one_evaluation_has_are_counted(tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b", scores=(0.5,), data_fingerprint="other")
    assert different(compare_evaluation(a, b)) == {
        "scores.csv": (0.0, "1 only in one of them"),
        "evaluated data": (None, "by fingerprint"),
    }


@pytest.mark.parametrize(("a", "b"), [(None, 0.5), (0.5, None), (True, 1.0)])
def test_another_kind_of_value_is_a_difference(a, b):
    assert not compare_numbers("x", a, b).identical


def test_the_environment_is_told_apart_by_its_parts():
    a = {"versions": {"torch": "2", "monai": "1"}, "n_threads": 1, "git": {"commit": "a", "dirty": False}, "loss": 1}
    b = {"versions": {"torch": "3", "monai": "1"}, "n_threads": 2, "git": {"commit": "a", "dirty": True}, "loss": 2}
    assert environment_differences(a, a) == []
    expected = ["versions torch: 2 -> 3", "git dirty: False -> True", "n_threads: 1 -> 2"]
    assert environment_differences(a, b) == expected


def test_figures_below_a_section_are_compared(tmp_path):
    sections = [{"localization": {"model": {"iou": value}}, "no_model": None} for value in (0.25, 0.5)]
    folders = [write_run(tmp_path / str(i)) for i in range(2)]
    for folder, section in zip(folders, sections, strict=True):
        path = folder / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | section))
    assert different(compare_evaluation(*folders)) == {"localization": (0.25, "")}


def test_thresholds_of_the_labels_and_subgroups_are_compared_too(tmp_path):
    rows = [{"group": "view", "value": "PA", "auroc": value, "auroc_ci95": None} for value in (0.5, 0.75)]
    first, second = ({"optimistic": {"youden": {"f1": row["auroc"]}}, "subgroups": [row]} for row in rows)
    folders = [write_run(tmp_path / "a", **first), write_run(tmp_path / "b", **second)]
    assert different(compare_evaluation(*folders)) == {"optimistic": (0.25, ""), "subgroups": (0.25, "")}
    none = [write_run(tmp_path / "c", optimistic=None, subgroups=[]), folders[1]]
    assert different(compare_evaluation(*none)) == {
        "optimistic": (None, "None -> " + str(second["optimistic"])),
        "subgroups": (None, "1 only in one of them"),
    }
