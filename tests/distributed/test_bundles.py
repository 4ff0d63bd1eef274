"""Both bundles, trained and evaluated by two processes of torchrun."""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser, run

from imgae_monai.__main__ import explain
from tests.conftest import BUNDLES, PLAIN_SCORE, PLAIN_SCORE_FLAGS, REPO

from .conftest import SECONDS, finish, worker

TINY = {
    **{"image_size": 32, "latent_size": 4, "batch_size": 4, "channels": [4, 8, 8], "picture_interval": 1},
    **PLAIN_SCORE,
}
STRIDES = {"unet_autoencoder": [2, 2], "reversed_autoencoder": [2, 2, 2]}


def files(bundle: str, *names: str) -> list[str]:
    return [str(REPO / "bundles" / bundle / "configs" / f"{name}.json") for name in names]


def settings(bundle: str, root: Path, data: Path, **more: object) -> dict[str, object]:
    return {"bundle_root": str(root), "dataset_dir": str(data), **TINY, "strides": STRIDES[bundle], **more}


@pytest.fixture(scope="module")
def train(torchrun, phantoms):
    def start(bundle: str, root: Path, restarts: int = 0, log: Path | None = None, **more: object):
        values = settings(bundle, root, phantoms, **{"epochs": 3, **more})
        words = [word for key, value in values.items() for word in (f"--{key}", str(value))]
        configs = str(files(bundle, "train", "multi_gpu_train"))
        return torchrun("-m", "monai.bundle", "run", "--config_file", configs, *words, restarts=restarts, log=log)

    return start


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Folder and output of each bundle's training by two processes."""
    root = tmp_path_factory.mktemp("multi")
    return {bundle: (root / bundle, finish(train(bundle, root / bundle))) for bundle in BUNDLES}


def record(root: Path) -> dict:
    return json.loads((root / "eval" / "train.json").read_text())


@pytest.mark.parametrize("bundle", BUNDLES)
def test_training_ends_with_all_that_one_process_leaves(trained, bundle):
    root, _ = trained[bundle]
    assert record(root)["finished"]
    assert [epoch for epoch, _ in record(root)["train_loss"]] == [1, 2, 3]
    names = {path.name for path in (root / "models").iterdir()}
    assert {"model.pt", "model_final.pt", "calibration-l1-mean.pt", "datalist.json"} <= names
    assert len(list((root / "eval" / "tensorboard").iterdir())) == 1  # of the first process alone


@pytest.mark.parametrize("bundle", BUNDLES)
def test_each_process_reads_its_own_half(trained, bundle):
    root, out = trained[bundle]
    assert {key: record(root)[key] for key in ("batch_size", "images_per_epoch", "n_processes")} == {
        **{"batch_size": 4, "images_per_epoch": 12, "n_processes": 2}
    }
    assert "training images: 12 images" in out
    assert "validation images: 12 images" in out
    assert record(root)["data_counts"]["train"]["normal"] == 24


@pytest.mark.parametrize("bundle", BUNDLES)
def test_validation_loss_is_that_of_all_images(trained, bundle, phantoms):
    root, _ = trained[bundle]
    parser = ConfigParser(ConfigParser.load_config_files(files(bundle, "train")))
    parser.update(settings(bundle, root, phantoms))
    parser["validate#handlers"] = []
    evaluator = parser.get_parsed_content("validate#evaluator")
    weights = torch.load(root / "models" / "model_final.pt", weights_only=True)
    parser.get_parsed_content("network").load_state_dict(weights)
    evaluator.run()
    assert record(root)["val_loss"][-1][1] == pytest.approx(evaluator.state.metrics["val_loss"], rel=1e-5)


def evaluation(folder: Path) -> tuple[dict, list[dict]]:
    with open(folder / "scores.csv", newline="", encoding="utf-8") as f:
        return json.loads((folder / "metrics.json").read_text()), list(csv.DictReader(f))


def test_two_processes_evaluate_as_one_does(trained, torchrun, phantoms, tmp_path):
    bundle, names = "unet_autoencoder", ("train", "evaluate")
    values = settings(bundle, trained[bundle][0], phantoms, n_bootstrap=200)
    run(run_id="run", config_file=files(bundle, *names), output_dir=str(tmp_path / "one"), **values)
    words = [word for key, value in values.items() for word in (f"--{key}", str(value))]
    configs = str(files(bundle, *names, "multi_gpu_evaluate"))
    words += ["--output_dir", str(tmp_path / "two")]
    finish(torchrun("-m", "monai.bundle", "run", "--config_file", configs, *words))
    (one, its_rows), (two, rows) = evaluation(tmp_path / "one"), evaluation(tmp_path / "two")
    assert [row["image"] for row in rows] == [row["image"] for row in its_rows]
    assert len(rows) == 24
    assert [float(r["score"]) for r in rows] == pytest.approx([float(r["score"]) for r in its_rows], rel=1e-5)
    for key in ("auroc", "average_precision", "sensitivity", "specificity", "n_normal", "n_abnormal", "threshold"):
        assert two[key] == pytest.approx(one[key]), key
    assert two["no_model"]["n_train"] == one["no_model"]["n_train"] == 24
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


def wait_for_epoch(root: Path, epoch: int) -> None:
    until = time.monotonic() + SECONDS
    while not (root / "models" / f"checkpoint_epoch={epoch}.pt").exists():
        assert time.monotonic() < until, "training did not get on"
        time.sleep(0.05)


def test_a_killed_process_ends_all_and_a_restart_goes_on_to_the_same_weights(train, trained, tmp_path):
    root = tmp_path / "killed"
    process = train("unet_autoencoder", root, restarts=1, log=tmp_path / "log")
    wait_for_epoch(root, 1)
    worker(process, 1).kill()
    assert process.wait(SECONDS) == 0, (tmp_path / "log").read_text()[-5000:]
    assert record(root)["finished"]
    assert record(root)["earlier_sessions"], "it started anew instead of going on"
    weights, uninterrupted = (
        torch.load(folder / "models" / "model_final.pt", weights_only=True)
        for folder in (root, trained["unet_autoencoder"][0])
    )
    assert all(torch.equal(weights[key], uninterrupted[key]) for key in uninterrupted)


def test_without_restarts_a_killed_process_ends_all_within_a_minute(train, tmp_path):
    root = tmp_path / "killed"
    process = train("unet_autoencoder", root, epochs=500, log=tmp_path / "log")
    wait_for_epoch(root, 1)
    other = worker(process, 0)
    worker(process, 1).send_signal(signal.SIGKILL)
    start = time.monotonic()
    assert process.wait(60) != 0
    assert time.monotonic() - start < 60
    assert not other.is_running() or other.status() == "zombie"
    out = (tmp_path / "log").read_text()
    assert "exitcode  : -9" in out  # torchrun's own summary names the one that died
    assert "another process of this run has died" in out


def test_a_restart_never_takes_over_a_run_that_was_there_before(train, trained):
    root, _ = trained["reversed_autoencoder"]
    before = {path: path.read_bytes() for path in (root / "models").glob("*.pt")}
    process = train("reversed_autoencoder", root, restarts=1)
    out = process.communicate(timeout=2 * SECONDS)[0]
    assert process.returncode != 0
    assert "already holds a run" in out
    assert {path: path.read_bytes() for path in (root / "models").glob("*.pt")} == before


@pytest.fixture(scope="module")
def by_command(torchrun, phantoms, tmp_path_factory) -> Path:
    """Run of the command line, trained by two processes."""
    run = tmp_path_factory.mktemp("by_command") / "run"
    size = (
        "--image_size",
        32,
        "--latent_size",
        4,
        "--batch_size",
        4,
        "--set",
        "{'channels': [4, 8, 8], 'strides': [2, 2]}",
    )
    # no validation brings so large a fall: the second one ends it, in both processes or else none would end
    stop_early = ("--epochs", 9, "--patience", 1, "--min_delta", 100)
    words = ("train", "unet_autoencoder", "--data", phantoms, "--output", run, *stop_early, *size, *PLAIN_SCORE_FLAGS)
    out = finish(torchrun("-m", "imgae_monai", *words, "--resume", "auto"))
    assert out.count(f"run: {run}") == 1
    record = (run / "train.json").read_bytes()
    finish(torchrun("-m", "imgae_monai", *words, "--resume", "auto"))  # until it is done, and it is
    assert (run / "train.json").read_bytes() == record
    return run


def test_the_command_trains_by_several_processes(by_command, cli):
    assert json.loads((by_command / "train.json").read_text())["n_processes"] == 2
    cli("evaluate", by_command)
    assert json.loads((by_command / "metrics.json").read_text())["n_abnormal"] == 12


def test_all_processes_stop_early_together(by_command):
    trained = json.loads((by_command / "train.json").read_text())
    assert (trained["epochs_run"], trained["max_epochs"], trained["finished"]) == (2, 9, True)


def test_what_several_processes_trained_is_not_reproduced_by_one(by_command, cli, capsys):
    with pytest.raises(SystemExit):
        cli("reproduce", by_command)
    assert "was trained by 2 processes" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["multi_gpu_train", "multi_gpu_evaluate"])
def test_without_torchrun_it_says_how_to_start(name, phantoms, tmp_path):
    bundle = "unet_autoencoder"
    names = {"multi_gpu_train": ("train",), "multi_gpu_evaluate": ("train", "evaluate")}[name]
    with pytest.raises(RuntimeError, match="join_processes") as caught:
        run(run_id="run", config_file=files(bundle, *names, name), **settings(bundle, tmp_path, phantoms))
    message = explain(caught.value)
    assert message is not None
    assert "RANK" in message
    assert "torchrun --nproc_per_node N -m monai.bundle run" in message
