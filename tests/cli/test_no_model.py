"""What needs no model, as ``imgae-monai evaluate`` tells it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

BUNDLE = "unet_autoencoder"


@pytest.fixture(scope="module")
def evaluated(cli, runs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "out"
    cli("evaluate", runs[BUNDLE], "--output", folder, "--n_bootstrap", 100)
    return folder


def read(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def table(folder: Path, name: str) -> list[dict]:
    with open(folder / name, newline="") as f:
        return list(csv.DictReader(f))


def test_figures_can_be_had_again_from_the_tables(evaluated):
    metrics, rows = read(evaluated), table(evaluated, "no_model_scores.csv")
    model = table(evaluated, "scores.csv")
    assert [row["image"] for row in rows] == [row["image"] for row in model]
    labels = [int(row["label"]) for row in rows]
    found = metrics["no_model"]
    assert found["n_train"] == 24
    for score in found["scores"]:
        values = [float(row[score["name"]]) for row in rows]
        assert score["auroc"] == pytest.approx(roc_auc_score(labels, values))
    assert found["best"] == max(found["scores"], key=lambda s: s["strength"])["name"]
    own = roc_auc_score(labels, [float(row["score"]) for row in model])
    assert found["against_best"]["difference"] == pytest.approx(own - found["best_strength"])


def test_a_model_that_does_not_beat_them_is_told_so_first(cli, runs, tmp_path, capsys):
    out = tmp_path / "out"
    cli("evaluate", runs[BUNDLE], "--output", out, "--n_bootstrap", 100)
    found = read(out)["no_model"]
    assert found["against_best"]["beats"] is False  # two epochs
    lines = capsys.readouterr().out.splitlines()
    first = next(i for i, line in enumerate(lines) if "does not beat what needs no model" in line)
    assert found["best"] in lines[first]
    assert first < next(i for i, line in enumerate(lines) if line.startswith("  auroc"))
    shown = [line for line in lines if ": mean grey value" in line or f"  {found['best']}:" in line]
    assert shown


def test_a_model_that_beats_them_is_not_told_otherwise(cli, runs, tmp_path, capsys, monkeypatch):
    from imgae_monai.handlers import NoModelRecorder

    def beaten(self, rows, n_draws):
        self.reason = None
        scores = [{"name": "mean", "explanation": "grey", "strength": 0.5, "strength_interval": [0.4, 0.6]}]
        against = {"difference": 0.1, "interval": [0.05, 0.2], "p_value": 0.01, "beats": True}
        return {"best": "mean", "best_strength": 0.5, "scores": scores, "against_best": against}

    monkeypatch.setattr(NoModelRecorder, "results", beaten)
    cli("evaluate", runs[BUNDLE], "--output", tmp_path / "out", "--n_bootstrap", 10)
    shown = capsys.readouterr().out
    assert "does not beat" not in shown
    assert "minus that of mean: +0.100 [+0.050, +0.200]" in shown


def test_one_patient_shows_nothing_either_way(cli, runs, phantoms, tmp_path, capsys):
    images = [
        {"image": str(path), "label": label, "patient_id": "one"}
        for label, name in enumerate(("normal", "abnormal"))
        for path in sorted((phantoms / "test" / name).glob("*.png"))[:4]
    ]
    (tmp_path / "list.json").write_text(json.dumps({"test": images}))
    data = ("--data", tmp_path / "list.json", "--output", tmp_path / "out", "--n_bootstrap", 20)
    cli("evaluate", runs[BUNDLE], *data)
    metrics = read(tmp_path / "out")
    assert {key for key, value in metrics.items() if key.endswith("_ci95") and value is not None} <= EXACT
    assert metrics["no_model"]["against_best"]["interval"] is None
    assert "Whether the model beats what needs no model is not known: " in capsys.readouterr().out


# of shares that are 0 or 1
EXACT = {"sensitivity_ci95", "specificity_ci95", "precision_ci95", "accuracy_ci95"}


def test_it_can_be_switched_off(cli, runs, evaluated, tmp_path, capsys):
    cli("evaluate", runs[BUNDLE], "--output", tmp_path / "out", "--n_bootstrap", 100, "--no_model", "false")
    metrics = read(tmp_path / "out")
    assert metrics["no_model"] is None
    assert metrics["no_model_reason"] == "switched off: no_model is false"
    assert not (tmp_path / "out" / "no_model_scores.csv").exists()
    assert metrics["auroc_ci95"] == read(evaluated)["auroc_ci95"]
    assert "without a model: not measured" in capsys.readouterr().out


def test_a_config_of_an_earlier_version_has_none_and_says_so(cli, runs, evaluated, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs[BUNDLE], run)
    path = run / "configs" / "evaluate.json"
    config = json.loads(path.read_text())
    for id in ("no_model", "no_model_recorder", "localization", "geometry"):
        del config[id]
    for key in ("no_model", "localization"):
        del config["validate#handlers"][1][key]
    path.write_text(json.dumps(config))
    stored = torch.load(run / "models" / "calibration-l1-mean.pt", weights_only=True)
    del stored["pixel_threshold"], stored["normal_scores"]
    torch.save(stored, run / "models" / "calibration-l1-mean.pt")
    cli("evaluate", run, "--output", tmp_path / "out", "--n_bootstrap", 100)
    metrics = read(tmp_path / "out")
    assert (metrics["no_model"], metrics["localization"], metrics["specificity_curve"]) == (None, None, None)
    assert "earlier version" in metrics["no_model_reason"]
    assert metrics["auroc_ci95"] == read(evaluated)["auroc_ci95"]


def test_the_specificity_curve_goes_through_the_threshold(evaluated):
    metrics = read(evaluated)
    curve = metrics["specificity_curve"]
    assert metrics["calibration"]["specificity"] == 0.95
    assert curve["observed"][curve["nominal"].index(0.95)] == pytest.approx(metrics["specificity"])
    assert np.all(np.diff(curve["observed"]) >= 0)
    assert (curve["n_validation"], curve["n_test"]) == (24, 12)
