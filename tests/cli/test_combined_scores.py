"""Scores that are made of several, from calibration to report."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from imgae_monai.engines import load_calibration
from imgae_monai.report.rerun import EvaluatedNetwork
from imgae_monai.transforms import ScoreDefinition
from tests.conftest import BUNDLES, REPO, TINY

COMBINED = ("--combine", "l1-mean,l1-z-top0.05,l1-sigma1-z-mean,l2-sigma1-max,latent")


def scores_of(path: Path) -> dict[str, tuple[float, int]]:
    with open(path, newline="") as f:
        return {row["image"]: (float(row["score"]), int(row["decision"])) for row in csv.DictReader(f)}


@pytest.mark.parametrize(
    ("bundle", "flags"),
    [
        ("unet_autoencoder", (*COMBINED, "--two_sided")),
        ("unet_autoencoder", ("--two_sided",)),
        ("reversed_autoencoder", COMBINED),
    ],
    ids=["both", "two-sided", "combined"],
)
def test_every_command_gives_the_same_scores(bundle, flags, cli, runs, phantoms, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs[bundle], run)
    cli("calibrate", run, *flags)
    score = check_commands(cli, run, flags, phantoms, tmp_path)
    assert score.two_sided == ("--two_sided" in flags)
    assert score.combine == (tuple(sorted(COMBINED[1].split(","))) if "--combine" in flags else ())


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_default_score_goes_the_whole_way(bundle, cli, phantoms, capsys, tmp_path):
    run = tmp_path / "run"
    size = ("--image_size", 32, "--latent_size", 4, "--device", "cpu", "--set", TINY[bundle])
    cli("train", bundle, "--data", phantoms, "--output", run, "--epochs", 1, *size)
    default = ConfigParser(json.loads((REPO / "bundles" / bundle / "configs" / "train.json").read_text()))
    assert check_commands(cli, run, (), phantoms, tmp_path) == default.get_parsed_content("score")
    before = (run / "metrics.json").read_bytes()
    cli("calibrate", run)
    cli("evaluate", run, "--n_bootstrap", 10, "--overwrite")
    assert json.loads((run / "metrics.json").read_bytes())["auroc"] == json.loads(before)["auroc"]
    assert "--combine none" not in capsys.readouterr().err
    image = next((phantoms / "test" / "normal").iterdir())
    for words in (["calibrate", run], ["evaluate", run, "--output", tmp_path / "e"], ["predict", run, image]):
        more = ("--output", tmp_path / "p") if words[0] == "predict" else ()
        cli(*words, *more, "--reduction", "max")
        assert "--combine none takes the map's" in capsys.readouterr().err


def check_commands(cli, run: Path, flags: tuple[str, ...], phantoms: Path, tmp_path: Path) -> ScoreDefinition:
    """Evaluate, predict and explain a calibrated run, which must agree; gives its score."""
    cli("evaluate", run, *flags, "--n_bootstrap", 10)
    metrics = json.loads((run / "metrics.json").read_text())
    score = ScoreDefinition(**metrics["calibration"]["score"])
    calibration = load_calibration(run / "models", score)
    assert metrics["threshold"] == calibration.threshold
    with open(run / "component_scores.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert tuple(rows[0]) == ("image", "label", "patient_id", *score.components)
    for row, (value, _) in zip(rows, scores_of(run / "scores.csv").values(), strict=True):
        parts = torch.tensor([float(row[name]) for name in score.components], dtype=torch.float64)
        assert float(calibration.combination.score(parts)) == pytest.approx(value, rel=1e-6)
    cli("predict", run, phantoms / "test", "--output", tmp_path / "predicted", *flags)
    evaluated, predicted = scores_of(run / "scores.csv"), scores_of(tmp_path / "predicted" / "predictions.csv")
    assert evaluated.keys() == predicted.keys()
    for image, (value, decision) in evaluated.items():
        assert predicted[image] == (pytest.approx(value, rel=1e-4, abs=1e-4), decision)
        assert decision == (value > calibration.threshold)
    cli("predict", run, next(iter(evaluated)), "--output", tmp_path / "one", *flags, "--explain", "occlusion")
    assert scores_of(tmp_path / "one" / "predictions.csv").keys() <= evaluated.keys()
    # as the report does, image by image
    network = EvaluatedNetwork(metrics, run)
    images = list(evaluated)[:3]
    looks = network.look(images, [0] * 3, [evaluated[image][0] for image in images])
    assert [look.score for look in looks] == pytest.approx([evaluated[i][0] for i in images], rel=1e-4, abs=1e-4)
    return score
