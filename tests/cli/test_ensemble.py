"""A run whose best epochs are scored together, through every command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from imgae_monai.engines import latest_checkpoint, member_epochs
from imgae_monai.engines.model_cost import _measure
from imgae_monai.explain import ScoreNetwork
from imgae_monai.report import load_evaluation
from imgae_monai.report.rerun import EvaluatedNetwork


@pytest.fixture(scope="module")
def run(train_tiny, tmp_path_factory) -> Path:
    return train_tiny("reversed_autoencoder", tmp_path_factory.mktemp("ensemble") / "run", "--ensemble", 2)


@pytest.fixture
def copied(run, tmp_path) -> Path:
    return shutil.copytree(run, tmp_path / "copied")


def scores(path: Path) -> list[float]:
    with open(path, newline="") as file:
        return [float(row["score"]) for row in csv.DictReader(file)]


def state(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def test_training_keeps_the_members_and_can_go_on(run):
    members = member_epochs(run / "models")
    assert list(members) == [1, 2]
    losses = dict(json.loads((run / "train.json").read_text())["val_loss"])
    best, final = (state(run / "models" / name) for name in ("model.pt", "model_final.pt"))
    of_best = state(members[min(losses, key=losses.get)])
    assert all(torch.equal(of_best[key], best[key]) for key in best)
    assert all(torch.equal(value, final[key]) for key, value in state(members[2]).items())
    stored = torch.load(latest_checkpoint(run / "models"), weights_only=True)
    assert stored["ensemble"] == {"epochs": [1, 2], "metrics": [losses[1], losses[2]]}


def test_scores_are_of_the_mean_reconstruction_and_of_the_disagreement(cli, copied, phantoms, tmp_path):
    """By hand, from the weights of both members."""
    from monai.bundle import ConfigParser

    config = json.loads((copied / "configs" / "inference.json").read_text())
    parser = ConfigParser({**config, "bundle_root": str(copied), "dataset_dir": str(phantoms / "test" / "abnormal")})
    network, data = parser.get_parsed_content("network_def").eval(), parser.get_parsed_content("dataset")
    images = torch.stack([torch.as_tensor(item["image"]) for item in data])
    given = []
    for path in member_epochs(copied / "models").values():
        network.load_state_dict(state(path))
        with torch.no_grad():
            given.append(network(images))
    mean, spread = torch.stack(given).mean(dim=0), torch.stack(given).std(dim=0, correction=0)
    cli("calibrate", copied, "--residual", "disagreement")
    for residual, expected in (("l1", (images - mean).abs()), ("disagreement", spread)):
        target = tmp_path / residual
        cli("predict", copied, phantoms / "test" / "abnormal", "--residual", residual, "--output", target)
        found = scores(target / "predictions.csv")
        assert found == pytest.approx(expected.mean(dim=(1, 2, 3)).tolist(), rel=1e-5)
    assert np.ptp(found) > 0


def test_evaluation_and_explanation_are_of_the_ensemble(cli, copied, phantoms, tmp_path):
    cli("evaluate", copied, "--n_bootstrap", 10, "--no_model", False)
    metrics = json.loads((copied / "metrics.json").read_text())
    assert metrics["calibration"]["members_sha256"]
    evaluation = load_evaluation(copied)
    rows = [0, 23]
    network = EvaluatedNetwork(metrics, copied)
    paths, labels, values = (
        [part[row] for row in rows] for part in (evaluation.images, evaluation.labels, evaluation.scores)
    )
    looks = network.look(paths, labels, values)  # raises where a score is another
    assert [look.reconstruction.shape for look in looks] == [(1, 32, 32)] * 2
    cli("predict", copied, paths[1], "--output", tmp_path / "out", "--explain", "gradient")
    assert scores(tmp_path / "out" / "predictions.csv") == pytest.approx([values[1]], rel=1e-5)
    score = ScoreNetwork(network.network, network.calibration.score, network.calibration, inferer=network.inferer)
    assert score(looks[1].image[None]).item() == pytest.approx(values[1], rel=1e-5)


def test_a_member_with_other_weights_has_no_threshold(cli, copied, capsys):
    (_, path), *_ = member_epochs(copied / "models").items()
    torch.save({key: value * 1.001 for key, value in state(path).items()}, path)
    with pytest.raises(SystemExit):
        cli("evaluate", copied, "--n_bootstrap", 10)
    assert "was made with another ensemble, or with none; make one from normal" in capsys.readouterr().err
    path.unlink()
    with pytest.raises(SystemExit):
        cli("evaluate", copied, "--n_bootstrap", 10)
    assert "expected 2 members of an ensemble in" in capsys.readouterr().err


def test_the_best_alone_is_another_score(cli, copied, phantoms, capsys, tmp_path):
    alone = ("--set", "{'ensemble': 1}")
    with pytest.raises(SystemExit):
        cli("evaluate", copied, "--n_bootstrap", 10, *alone)
    assert "was made with another ensemble, or with none" in capsys.readouterr().err


def test_its_cost_is_that_of_all_members(run, runs):
    one, both = (_measure(r, torch.device("cpu"), seconds=0.01) for r in (runs["reversed_autoencoder"], run))
    assert both["parameters"] == 2 * one["parameters"]
    assert both["checkpoint_mb"] == pytest.approx(2 * one["checkpoint_mb"], rel=0.05)


def test_one_network_disagrees_with_nobody(cli, runs, capsys):
    with pytest.raises(SystemExit):
        cli("calibrate", runs["reversed_autoencoder"], "--residual", "disagreement")
    assert "residual 'disagreement' takes an ensemble, this is one network" in capsys.readouterr().err
    assert not list((runs["reversed_autoencoder"] / "models").glob("calibration-disagreement*"))


def test_more_members_than_validations_are_refused_before_training(train_tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", tmp_path / "run", "--ensemble", 3)
    assert "error: an ensemble of 3 takes as many validations" in capsys.readouterr().err
