"""A run that is run again gives the same numbers, and what was changed meanwhile is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.conftest import BUNDLES
from tests.transforms.residuals.lpips_file import write_lpips


def exit_code(cli, *words) -> int:
    try:
        cli("reproduce", *words)
    except SystemExit as e:
        return int(e.code)
    return 0


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def change(path: Path, **values) -> None:
    path.write_text(json.dumps({**read(path), **values}))


def change_config(run: Path, **values) -> None:
    """As if the run had run so."""
    change(run / "configs" / "train.json", **values)
    change(run / "train.json", config={**read(run / "train.json")["config"], **values})


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(runs, tmp_path) -> Path:
    """A copy of a trained run that a test may spoil."""
    return Path(shutil.copytree(runs["reversed_autoencoder"], tmp_path / "copy"))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_run_and_its_evaluation_repeat_to_the_bit_and_nothing_in_it_is_touched(bundle, cli, runs, capsys, tmp_path):
    run = Path(shutil.copytree(runs[bundle], tmp_path / "run"))
    score = ["--residual", "reversed_lpips", "--lpips_weights", write_lpips(tmp_path / "lpips.pt")]
    cli("calibrate", run, *score)
    cli("evaluate", run, *score, "--n_bootstrap", 20)
    before = contents(run)
    capsys.readouterr()
    assert exit_code(cli, run) == 0
    assert capsys.readouterr().out.splitlines()[-2] == "identical"
    assert contents(run) == before
    again = tmp_path / "run-reproduced"
    result = read(again / "reproduction.json")
    assert result["identical"]
    assert result["environment"] == []
    compared = {row["what"]: row for row in result["compared"]}
    assert all(row["identical"] for row in compared.values())
    assert {"train_loss", "val_loss", "weights model.pt", "calibration threshold", "auroc", "scores.csv"} <= {*compared}
    assert read(again / "metrics.json")["calibration"]["score"]["residual"] == "reversed_lpips"


def test_workers_repeat_and_another_seed_does_not(cli, train_tiny, capsys, tmp_path):
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--num_workers", 2)
    assert exit_code(cli, run, "--output", tmp_path / "same") == 0
    change_config(run, seed=1)
    capsys.readouterr()
    assert exit_code(cli, run, "--output", tmp_path / "other") == 1
    result = read(tmp_path / "other" / "reproduction.json")
    rows = {row["what"]: row for row in result["compared"]}
    assert not result["identical"]
    for what in ("train_loss", "val_loss", "weights model.pt"):
        assert not rows[what]["identical"]
        assert rows[what]["largest"] > 0
    assert rows["train_loss"]["note"] == "first at epoch 1"
    assert "differs in " in capsys.readouterr().out


def test_a_config_that_was_changed_after_the_run_is_refused(cli, run, capsys, tmp_path):
    ran = read(run / "configs" / "train.json")["learning_rate"]
    change(run / "configs" / "train.json", learning_rate=0.5)
    assert exit_code(cli, run, "--output", tmp_path / "again") == 2
    assert "is not what ran" in (error := capsys.readouterr().err)
    assert f"learning_rate ({ran} ran, not 0.5)" in error
    assert not (tmp_path / "again").exists()


def test_changed_data_are_named_before_anything_is_trained(cli, run, phantoms, capsys, tmp_path):
    data = Path(shutil.copytree(phantoms, tmp_path / "data"))
    change_config(run, dataset_dir=str(data))
    text = (run / "models" / "datalist.json").read_text().replace(str(phantoms), str(data))
    (run / "models" / "datalist.json").write_text(text)
    first, second = sorted((data / "train" / "normal").glob("*.png"))[:2]
    Image.new("L", (32, 32), 7).save(first)
    second.rename(second.with_name("other.png"))
    assert exit_code(cli, run, "--output", tmp_path / "again") == 2
    error = capsys.readouterr().err
    assert f"gone: {second}; new: {second.with_name('other.png')}; other bytes: {first}): bring it back" in error
    assert not (tmp_path / "again").exists()


def test_the_runs_number_of_threads_is_used_and_other_versions_are_named(cli, run, capsys, tmp_path):
    before = torch.get_num_threads()
    n_threads = before + 1
    cli("evaluate", run, "--n_bootstrap", 20)  # with another number than the training is said to have had
    record = read(run / "train.json")
    change(run / "train.json", n_threads=n_threads, versions={**record["versions"], "monai": "0.0"})
    assert exit_code(cli, run, "--output", tmp_path / "again") in (0, 1)  # the bits are of another number of threads
    assert torch.get_num_threads() == before
    assert read(tmp_path / "again" / "train.json")["n_threads"] == n_threads
    assert read(tmp_path / "again" / "metrics.json")["n_threads"] == before
    assert f"training with {n_threads} thread(s) as the run, not {before}" in (shown := capsys.readouterr().out)
    assert "other environment: versions monai: 0.0 -> " in shown


@pytest.mark.parametrize(
    ("output", "message"), [("copy", "stays as it is"), ("copy/inside", "stays as it is"), ("full", "is not empty")]
)
def test_an_output_that_would_be_overwritten_is_refused(output, message, cli, run, capsys, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert exit_code(cli, run, "--output", tmp_path / output) == 2
    assert message in capsys.readouterr().err


def test_an_unfinished_run_is_refused(cli, run, capsys):
    change(run / "train.json", finished=False)
    assert exit_code(cli, run) == 2
    assert "has not come to its end" in capsys.readouterr().err
    (run / "train.json").unlink()
    assert exit_code(cli, run) == 2
    assert "has no train.json" in capsys.readouterr().err
