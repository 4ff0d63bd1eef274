"""Every way of loading through the whole of training: what is learned, what is logged."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

BUNDLE = "unet_autoencoder"


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "models" / "model.pt", weights_only=True)


def same(a: Path, b: Path) -> bool:
    return all(torch.equal(value, weights(b)[key]) for key, value in weights(a).items())


def scalars(run: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for file in (run / "tensorboard").glob("events.out.tfevents.*"):
        events = EventAccumulator(str(file)).Reload()
        found |= {tag: [e.value for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    return found


@pytest.mark.parametrize(
    "flags",
    [
        ["--cache", "none"],
        ["--cache_rate", 0.5],
        ["--memory_budget", 0.0005],
        ["--cache_dir", "cache", "--memory_budget", 0],
    ],
)
def test_where_images_are_kept_changes_no_weight(flags, runs, train_tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train_tiny(BUNDLE, tmp_path / "run", *flags)
    assert same(run, runs[BUNDLE])
    assert (tmp_path / "cache").exists() == ("--cache_dir" in flags)


def test_a_moving_window_trains_and_says_so(train_tiny, tmp_path):
    run = train_tiny(BUNDLE, tmp_path / "run", "--memory_budget", 0.00025, "--epochs", 3)
    log = (run / "train.log").read_text()
    assert "training images: 24 images of" in log
    assert "an epoch sees a window of" in log
    assert json.loads((run / "train.json").read_text())["epochs_run"] == 3


def test_memory_is_logged_each_epoch(runs):
    logged = scalars(runs[BUNDLE])
    assert {"memory/process", "memory/cache", "memory/available"} <= logged.keys()
    # 24 training images of 32 px in at most two bytes a pixel, 24 validation images in four
    cached = 24 * 32 * 32 * (1 + 4) / 1e6
    assert logged["memory/cache"] == pytest.approx([cached] * 2, rel=1e-6)


def test_workers_share_the_cache_and_repeat_the_weights(train_tiny, tmp_path):
    first, second = (train_tiny(BUNDLE, tmp_path / name, "--num_workers", 2) for name in ("a", "b"))
    assert same(first, second)


def test_the_batch_size_is_found_by_steps(cli, train_tiny, tmp_path):
    flags = ("--batch_size", "auto", "--lr_schedule", "plateau")
    run = train_tiny(BUNDLE, tmp_path / "run", *flags)
    assert "batch_size auto: 2 images a step" in (run / "train.log").read_text()  # 24 images, 8 steps: 3, so 2
    assert json.loads((run / "train.json").read_text())["batch_size"] == 2
    train_tiny(BUNDLE, run, *flags, "--resume", "--epochs", 3)
    assert (run / "train.log").read_text().count("batch_size auto:") == 1  # what it was is kept
    assert json.loads((run / "train.json").read_text())["epochs_run"] == 3
    cli("evaluate", run, "--n_bootstrap", 50)
    assert (run / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--batch_size", "some"], "--batch_size takes a whole number or auto, got 'some'"),
        (["--memory_budget", "much"], "--memory_budget takes a number or auto, got 'much'"),
        (["--cache", "persistent"], "cache 'persistent' needs a cache_dir"),
        (["--cache", "smrt"], "smart"),
    ],
)
def test_loading_flags_that_make_no_sense_are_explained(capsys, train_tiny, tmp_path, flags, message):
    with pytest.raises(SystemExit) as e:
        train_tiny(BUNDLE, tmp_path / "run", *flags)
    assert e.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def parquet(phantoms, tmp_path) -> Path:
    """The phantoms as a Hugging Face data set with a validation split."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["normal", "abnormal"]),
            "patient_id": datasets.Value("string"),
        }
    )
    with open(phantoms / "manifest.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        table = [
            {
                "image": {"bytes": (phantoms / row["file"]).read_bytes(), "path": row["file"]},
                "label": row["label"],
                "patient_id": row["patient_id"],
            }
            for row in rows
            if row["split"] == split
        ]
        datasets.Dataset.from_list(table, features=features).to_parquet(
            tmp_path / "hub" / f"{name}-00000-of-00001.parquet"
        )
    return tmp_path / "hub"


@pytest.mark.parametrize("streaming", ["", "?streaming=true"])
def test_a_hugging_face_data_set_trains_and_evaluates_streamed_or_not(
    streaming, parquet, runs, cli, train_tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    flags = ("--seed", 0, "--combine", "joint_gaussian")  # which reads the training images once more, varied
    run = train_tiny(BUNDLE, tmp_path / "run", *flags, data=f"hf://{parquet}{streaming}")
    record, folder_record = (json.loads((r / "train.json").read_text()) for r in (run, runs[BUNDLE]))
    assert record["data_counts"] == folder_record["data_counts"]
    cli("evaluate", run, "--n_bootstrap", 50)
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["n_normal"], metrics["n_abnormal"]) == (12, 12)
    with open(run / "scores.csv", newline="") as f:
        assert len({row["image"] for row in csv.DictReader(f)}) == 24
