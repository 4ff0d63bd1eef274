from __future__ import annotations

import json

import pytest

from tests.conftest import BUNDLES


def test_an_offline_run_holds_settings_losses_figures_and_files_and_no_key(train_tiny, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    key = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setenv("WANDB_API_KEY", key)
    run = train_tiny(BUNDLES[1], tmp_path / "run", "--wandb_project", "tracked", "--wandb_mode", "offline")
    assert "tracker_guard" not in (run / "train.log").read_text()
    (folder,) = (run / "wandb").glob("offline-run-*")
    run_id = (run / "wandb" / "run_id.txt").read_text()
    assert folder.name.endswith(run_id)
    stored = (folder / f"run-{run_id}.wandb").read_bytes()
    record = json.loads((run / "train.json").read_text())
    words = ["tracked", "learning_rate", "val_loss", "train_loss", "model.pt", "calibration-l1-mean.pt", "losses.png"]
    words.append(f"{record['train_loss'][-1][1]:.10g}"[:8])
    assert [word for word in words if word.encode() not in stored] == []
    assert [path for path in run.rglob("*") if path.is_file() and key.encode() in path.read_bytes()] == []


def test_a_resumed_run_keeps_its_id(train_tiny, tmp_path):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    tracked = ("--wandb_project", "tracked", "--wandb_mode", "disabled", "--tensorboard", "false")
    run = train_tiny(BUNDLES[1], tmp_path / "run", *tracked)
    before = (run / "wandb" / "run_id.txt").read_text()
    train_tiny(BUNDLES[1], tmp_path / "run", *tracked, "--epochs", 3, "--resume")
    assert (run / "wandb" / "run_id.txt").read_text() == before
    train_tiny(BUNDLES[1], tmp_path / "run", *tracked, "--overwrite")
    assert (run / "wandb" / "run_id.txt").read_text() != before
