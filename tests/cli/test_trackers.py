"""Trackers that work, and trackers that fail, leave a run with the same bits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from tests.cli.test_resume import differing
from tests.conftest import BUNDLES, TINY


def warned(run: Path) -> list[str]:
    lines = (run / "train.log").read_text().splitlines()
    return [line.split("tracker_guard: ")[1] for line in lines if "tracker_guard" in line]


def assert_same_weights(a: Path, b: Path) -> None:
    for name in ("model.pt", "model_final.pt"):
        first, second = (torch.load(run / "models" / name, weights_only=True) for run in (a, b))
        assert differing(first, second) == []
    records = [json.loads((run / "train.json").read_text()) for run in (a, b)]
    assert all(record["finished"] for record in records)
    for key in ("train_loss", "val_loss"):
        assert records[0][key] == records[1][key]


def settings(bundle: str, **ids) -> str:
    return TINY[bundle].removesuffix("}") + "".join(f", {key!r}: {value!r}" for key, value in ids.items()) + "}"


def test_a_file_in_the_place_of_tensorboards_folder_is_no_obstacle(cli, runs, train_tiny, tmp_path, capsys):
    (tmp_path / "file").touch()
    words = (
        "--picture_interval",
        1,
        "--set",
        settings(BUNDLES[0], **{"tensorboard_writer#log_dir": str(tmp_path / "file")}),
    )
    run = train_tiny(BUNDLES[0], tmp_path / "run", *words)
    assert_same_weights(runs[BUNDLES[0]], run)
    off = warned(run)
    names = {"RunWriter", "TensorBoardStatsHandler", "TensorBoardCurves", "WatchHandler", "TensorBoardHParams"}
    assert names <= {line.split()[0] for line in off}
    assert len(off) == len({line.split()[0] for line in off})  # each says so once
    assert all("is off for the rest of this run, which goes on without it: FileExistsError" in line for line in off)
    assert "RunWriter is off for the rest of this run" in capsys.readouterr().err


def test_a_writer_that_fails_in_mid_run_is_switched_off(runs, train_tiny, tmp_path, monkeypatch):
    calls = []
    add_scalar = SummaryWriter.add_scalar

    def failing(self, *args, **kwargs):
        calls.append(args)
        if len(calls) > 5:
            raise OSError(28, "No space left on device")
        add_scalar(self, *args, **kwargs)

    monkeypatch.setattr(SummaryWriter, "add_scalar", failing)
    run = train_tiny(BUNDLES[1], tmp_path / "run")
    assert_same_weights(runs[BUNDLES[1]], run)
    assert len(warned(run)) == len(set(warned(run))) >= 2
    assert all("OSError: [Errno 28] No space left on device" in line for line in warned(run))


@pytest.mark.parametrize(
    ("package", "words", "tracker"),
    [
        ("mlflow", ("--mlflow_uri", "http://127.0.0.1:9"), "MLFlowTracker"),
        ("wandb", ("--wandb_project", "gone"), "WandBTracker"),
    ],
)
def test_a_server_that_is_gone_costs_no_run_and_little_time(
    package, words, tracker, runs, train_tiny, tmp_path, monkeypatch
):
    pytest.importorskip(package, reason=f"the extra {package} is not installed")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    started = time.monotonic()
    run = train_tiny(BUNDLES[1], tmp_path / "run", *words)
    assert time.monotonic() - started < 60
    assert_same_weights(runs[BUNDLES[1]], run)
    (line,) = warned(run)
    assert line.startswith(f"{tracker} is off for the rest of this run")


def test_settings_and_final_figures_are_in_the_hparams_tab(runs):
    run = runs[BUNDLES[0]]
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    record = json.loads((run / "train.json").read_text())
    shown = {name: events.Scalars(f"hparam/{name}")[0].value for name in ("best_val_loss", "epochs_run", "threshold")}
    assert shown["best_val_loss"] == pytest.approx(record["best_val_loss"])
    assert shown["epochs_run"] == 2
    assert shown["threshold"] == pytest.approx(record["calibration"]["threshold"])
    assert {"experiment", "session_start_info", "session_end_info"} <= {
        tag.split("/")[-1].strip("_") for tag in events.summary_metadata if tag.startswith("_hparams_")
    }
    assert len(list((run / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mlflow_uri", "file:///tmp/mlruns"), "MLflow no longer keeps runs in folders; give a path"),
        (("--wandb_mode", "ofline"), "wandb_mode must be one of online, offline, disabled, got 'ofline'"),
    ],
)
def test_a_tracker_that_is_spelt_wrong_is_refused_before_training(words, message, train_tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_tiny(BUNDLES[1], tmp_path / "run", *words)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "models" / "model.pt").exists()
