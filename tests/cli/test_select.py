"""Choosing preset and score without labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from imgae_monai.data.datalist import SYNTHETIC_NOTICE
from imgae_monai.selection import corruption_families

UNET, REVERSED = "unet_autoencoder", "reversed_autoencoder"
FAST = ("--scores", "l1-mean,ssim-z-top0.05", "--n_copies", 1, "--n_bootstrap", 20)


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())


def refused(cli, capsys, *words) -> str:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    assert e.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def selected(cli, runs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("selected")
    cli("select", runs[UNET], runs[REVERSED], "--output", folder, *FAST)
    return folder


def without_ids(run: Path, copy: Path, **changed: object) -> Path:
    """A copy of a run whose config has other values."""
    shutil.copytree(run, copy)
    path = copy / "configs" / "train.json"
    path.write_text(json.dumps({**read_json(path), **changed}))
    return copy


def test_two_presets_are_compared(selected, runs):
    result = read_json(selected / "selection.json")
    assert len(result["rows"]) == 4
    assert [row["mean_auroc"] for row in result["rows"]] == sorted(
        (r["mean_auroc"] for r in result["rows"]), reverse=True
    )
    assert {row["score"] for row in result["rows"]} == {"l1-mean", "ssim-z-top0.05"}
    names = [model["name"] for model in result["models"]]
    assert [name.partition("/")[0] for name in names] == [UNET, REVERSED]
    (chosen,) = (row for row in result["rows"] if row["chosen"])
    assert (chosen["model"], chosen["score"]) == (result["chosen"]["model"], result["chosen"]["score"])
    for row in result["rows"]:
        assert set(row["auroc"]) == set(corruption_families())
        kept = [value for family, value in row["auroc"].items() if family not in result["left_out"]]
        assert row["mean_auroc"] == pytest.approx(sum(kept) / len(kept))
    assert result["notice"] == SYNTHETIC_NOTICE
    text = (selected / "selection.md").read_text()
    assert SYNTHETIC_NOTICE in text
    assert f"{chosen['score']} (chosen)" in text
    assert "are not lesions" in text


def test_no_file_but_normal_validation_images_is_needed(cli, runs, phantoms, selected, tmp_path):
    """Test and training images are gone from the disk, and their records unreadable: nothing changes."""
    data = tmp_path / "data"
    shutil.copytree(phantoms, data)
    copies = [tmp_path / bundle for bundle in (UNET, REVERSED)]
    for copy in copies:
        shutil.copytree(runs[copy.name], copy)
        for name in ("models/datalist.json", "configs/train.json"):
            path = copy / name
            path.write_text(path.read_text().replace(str(phantoms), str(data)))
        path = copy / "models" / "datalist.json"
        path.write_text(json.dumps({**read_json(path), "training": None, "test": None}))
    for path in [path for path in data.rglob("*") if path.is_file() and path.parent != data / "val" / "normal"]:
        path.unlink()
    cli("select", *copies, "--output", tmp_path / "s", *FAST)
    found, expected = read_json(tmp_path / "s" / "selection.json"), read_json(selected / "selection.json")
    assert [row["auroc"] for row in found["rows"]] == [row["auroc"] for row in expected["rows"]]
    assert found["chosen"] == expected["chosen"]


def test_the_choice_can_be_used(cli, runs, selected, tmp_path, capsys):
    chosen = read_json(selected / "selection.json")["chosen"]
    assert yaml.safe_load((selected / "selected.yaml").read_text()) == chosen["settings"]
    run = tmp_path / "run"
    shutil.copytree(runs[chosen["bundle"]], run)
    text = (selected / "selection.md").read_text()
    flags = next(line for line in text.splitlines() if line.startswith("--residual")).split()
    cli("calibrate", run, *flags)
    assert (run / "models" / f"calibration-{chosen['score']}.pt").is_file()
    train = run / "configs" / "train.json"
    from imgae_monai.cli.bundle_config import merge_config

    merged = merge_config([train, selected / "selected.yaml"], {})
    assert {key: merged[key] for key in chosen["settings"]} == chosen["settings"]


def test_a_family_that_a_run_was_trained_to_restore_is_left_out_for_all(cli, runs, selected, tmp_path, capsys):
    first = without_ids(runs[UNET], tmp_path / "restoring", corruptions=["lesion", "cut_paste"])
    cli("select", first, runs[REVERSED], "--output", tmp_path / "s", *FAST)
    left_out = ["opacity", "haze", "nodules", "texture_loss", "dark_region", "cut_paste"]
    assert f"trained to restore it: {', '.join(left_out)}" in capsys.readouterr().out
    before, after = (
        {(row["model"].partition("/")[0], row["score"]): row for row in read_json(folder / "selection.json")["rows"]}
        for folder in (selected, tmp_path / "s")
    )
    for key, row in after.items():
        assert row["auroc"] == before[key]["auroc"]
        kept = [value for family, value in row["auroc"].items() if family not in left_out]
        assert row["mean_auroc"] == pytest.approx(sum(kept) / len(kept))
    assert "haze (left out)" in (tmp_path / "s" / "selection.md").read_text()


def test_seeds_of_a_model_are_averaged(cli, runs, selected, train_tiny, tmp_path):
    other = train_tiny(UNET, tmp_path / "seed1", "--seed", 1)
    words = ("--output", tmp_path / "s", "--scores", "l1-mean", "--n_copies", 1, "--n_bootstrap", 20)
    cli("select", runs[UNET], other, *words)
    result = read_json(tmp_path / "s" / "selection.json")
    (row,) = result["rows"]
    assert [run["seed"] for run in result["models"][0]["runs"]] == [0, 1]
    assert row["mean_auroc"] == pytest.approx(sum(row["mean_auroc_by_run"]) / 2)
    assert row["mean_auroc_by_run"][0] != row["mean_auroc_by_run"][1]
    alone = next(
        row
        for row in read_json(selected / "selection.json")["rows"]
        if row["score"] == "l1-mean" and row["model"].startswith(UNET)
    )
    assert row["mean_auroc_by_run"][0] == pytest.approx(alone["mean_auroc"])


def test_fewer_images_are_whole_patients(cli, runs, tmp_path):
    cli("select", runs[UNET], "--output", tmp_path / "s", "--scores", "l1-mean", "--n_images", 10, "--n_copies", 1)
    result = read_json(tmp_path / "s" / "selection.json")
    assert 10 <= result["models"][0]["runs"][0]["n_images"] < 14


def test_what_can_not_be_compared_is_refused(cli, capsys, runs, selected, tmp_path):
    run, output = runs[UNET], ("--output", tmp_path / "s")
    assert "already holds selection.json" in refused(cli, capsys, "select", run, "--output", selected)
    assert "was given twice" in refused(cli, capsys, "select", run, run, *output)
    assert "is not a run" in refused(cli, capsys, "select", tmp_path / "none", *output)
    assert "--n_copies must be at least 1, got 0" in refused(cli, capsys, "select", run, *output, "--n_copies", 0)
    assert "'l1-means'" in refused(cli, capsys, "select", run, *output, "--scores", "l1-means")
    assert "at least 8 patients" in refused(cli, capsys, "select", run, *output, "--n_images", 3)
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "models" / "datalist.json").unlink()
    assert "has no models/datalist.json" in refused(cli, capsys, "select", tmp_path / "run", *output)
    assert not (tmp_path / "s" / "selection.json").exists()
