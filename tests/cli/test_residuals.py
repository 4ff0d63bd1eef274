"""Residuals that need the network or a file of weights, from calibration to report."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from imgae_monai.report.rerun import EvaluatedNetwork
from tests.transforms.residuals.lpips_file import write_lpips

COMPONENTS = "features-clahe-mean,gradient-sigma1-mean,reversed-z-top0.05,lpips-mean,gms-mean"


def scores_of(path: Path) -> dict[str, float]:
    with open(path, newline="") as f:
        return {row["image"]: float(row["score"]) for row in csv.DictReader(f)}


def test_every_command_gives_the_same_scores(cli, runs, phantoms, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs["reversed_autoencoder"], run)
    flags = ["--residual", "reversed_lpips", "--combine", COMPONENTS]
    flags += ["--lpips_weights", write_lpips(tmp_path / "lpips.pt")]
    cli("calibrate", run, *flags)
    cli("evaluate", run, *flags, "--n_bootstrap", 10, "--no_model", "false")
    cli("predict", run, phantoms / "test" / "normal", "--output", tmp_path / "predicted", *flags)
    evaluated = scores_of(run / "scores.csv")
    predicted = scores_of(tmp_path / "predicted" / "predictions.csv")
    assert predicted
    for image, score in predicted.items():
        assert score == pytest.approx(evaluated[image], rel=1e-3, abs=1e-3)
    metrics = json.loads((run / "metrics.json").read_text())
    network = EvaluatedNetwork(metrics, run)
    assert network.lpips_weights == str(tmp_path / "lpips.pt")
    image = next(iter(evaluated))
    assert network.look([image], [0], [evaluated[image]])[0].score == pytest.approx(evaluated[image], rel=1e-3)


def test_explanations_get_what_the_score_needs(cli, runs, phantoms, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs["unet_autoencoder"], run)
    image = sorted((phantoms / "test" / "abnormal").glob("*.png"))[0]
    lpips = ["--residual", "lpips", "--lpips_weights", write_lpips(tmp_path / "lpips.pt")]
    cli("calibrate", run, *lpips)
    cli("predict", run, image, "--output", tmp_path / "out", *lpips, "--explain", "gradient")
    assert list((tmp_path / "out").rglob("*gradient*"))
    cli("calibrate", run, "--residual", "reversed")
    with pytest.raises(SystemExit):
        cli("predict", run, image, "--output", tmp_path / "no", "--residual", "reversed", "--explain", "gradient")
    assert "goes through CLAHE, which has no derivative: explain by occlusion only" in capsys.readouterr().err


def test_what_is_missing_is_said_in_a_line(cli, runs, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli("calibrate", runs["unet_autoencoder"], "--residual", "lpips")
    assert re.search(r"^error: LPIPS needs weights, .*pip install lpips", capsys.readouterr().err, re.MULTILINE)


def test_a_run_of_an_earlier_version_passes_no_network(cli, runs, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs["unet_autoencoder"], run)
    path = run / "configs" / "train.json"
    config = json.loads(path.read_text())
    del config["lpips_weights"]
    for transform in (config["residual_transforms"][0], config["component_transforms"][0]):
        del transform["lpips_weights"]
    del config["residual_transforms"][0]["network"]
    path.write_text(json.dumps(config))
    with pytest.raises(SystemExit):
        cli("calibrate", run, "--residual", "features")
    assert re.search(r"^error: the residual 'features' needs the network", capsys.readouterr().err, re.MULTILINE)
    cli("evaluate", run, "--output", tmp_path / "out", "--n_bootstrap", 10, "--no_model", "false")
    cli("evaluate", runs["unet_autoencoder"], "--output", tmp_path / "now", "--n_bootstrap", 10, "--no_model", "false")
    assert (tmp_path / "out" / "scores.csv").read_text() == (tmp_path / "now" / "scores.csv").read_text()
