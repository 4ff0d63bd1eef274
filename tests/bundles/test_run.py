"""The bundles through MONAI's own commands, without our command line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import torch
from monai.bundle import ConfigParser

from tests.conftest import BUNDLES, REPO

SMALLEST = {
    "unet_autoencoder": ["--channels", "[4,8]", "--strides", "[2]"],
    "reversed_autoencoder": ["--channels", "[4,8]", "--strides", "[2,2]"],
}


def monai_run(cwd, *words) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "monai.bundle", "run", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_trains_from_inside_the_bundle_and_evaluates_from_elsewhere(bundle, phantoms, tmp_path):
    folder = tmp_path / bundle
    shutil.copytree(REPO / "bundles" / bundle, folder)
    flags = ["--dataset_dir", phantoms, "--epochs", 1, "--image_size", 16, "--latent_size", 2, *SMALLEST[bundle]]
    trained = monai_run(folder, "--config_file", "configs/train.json", *flags)
    assert trained.returncode == 0, trained.stderr
    score = ConfigParser(json.loads((folder / "configs" / "train.json").read_text())).get_parsed_content("score")
    assert {p.name for p in (folder / "models").iterdir()} >= {"model.pt", f"calibration-{score.name}.pt"}
    record = json.loads((folder / "eval" / "train.json").read_text())
    assert record["finished"]
    assert record["epochs_run"] == 1

    configs = f"['{folder}/configs/train.json','{folder}/configs/evaluate.json']"
    evaluated = monai_run(tmp_path, "--config_file", configs, "--bundle_root", folder, *flags)
    assert evaluated.returncode == 0, evaluated.stderr
    metrics = json.loads((folder / "eval" / "metrics.json").read_text())
    assert (metrics["n_normal"], metrics["n_abnormal"]) == (12, 12)

    again = monai_run(folder, "--config_file", "configs/train.json", *flags)
    assert again.returncode != 0
    assert "already holds a run" in again.stderr


def test_default_data_are_phantoms_and_the_run_says_so(tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(REPO / "bundles" / "reversed_autoencoder", folder)
    small = ["--epochs", 1, "--image_size", 16, "--latent_size", 2, *SMALLEST["reversed_autoencoder"]]
    trained = monai_run(folder, "--config_file", "configs/train.json", *small)
    assert trained.returncode == 0, trained.stderr
    assert "SYNTHETIC DATA" in trained.stdout
    assert json.loads((folder / "eval" / "train.json").read_text())["synthetic"] is True


def test_a_preset_is_an_overlay(phantoms, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(REPO / "bundles" / "reversed_autoencoder", folder)
    (folder / "configs" / "presets" / "tiny.yaml").write_text(
        "preset: tiny\nimage_size: 16\nlatent_size: 2\nchannels: [4, 8]\nstrides: [2, 2]\nepochs: 1\n"
    )
    configs = "['configs/train.json','configs/presets/tiny.yaml']"
    trained = monai_run(folder, "--config_file", configs, "--dataset_dir", phantoms)
    assert trained.returncode == 0, trained.stderr
    record = json.loads((folder / "eval" / "train.json").read_text())
    assert (record["preset"], record["image_size"]) == ("tiny", 16)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_run_is_a_bundle_that_monai_loads(bundle, runs, monkeypatch, tmp_path):
    from monai.bundle import load

    monkeypatch.chdir(tmp_path)
    run = runs[bundle]
    network = load(name=run.name, bundle_dir=str(run.parent), source="github", workflow_type="inference")
    stored = torch.load(run / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, stored[key]) for key, value in network.state_dict().items())
