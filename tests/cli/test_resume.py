"""A run that dies and goes on ends with the same bits as one left alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from imgae_monai.engines import lock_run, resume_points
from tests.conftest import BUNDLES, REPO, TINY

SMART = ("--memory_budget", 0.00025, "--cache_dtype", "uint8")
OPTIMISATION = (
    *("--optimizer_name", "adamw", "--weight_decay", 0.01, "--lr_schedule", "cosine", "--warmup_epochs", 1),
    *("--max_grad_norm", 0.1, "--accumulation_steps", 2),  # of three batches an epoch
)
# of two, one is drawn for each image, and the other one is of the batch
RESTORING = ("--corruptions", "coarse_noise,foreign_patch")
EPOCHS = 4


def settings(bundle: str, **faults: Any) -> str:
    """``--set`` of a tiny network, with faults."""
    return TINY[bundle].removesuffix("}") + "".join(f", {key!r}: {value!r}" for key, value in faults.items()) + "}"


def fault(bundle: str, name: str, training: bool = True, **arguments: Any) -> dict[str, Any]:
    """A fault around one of a bundle's losses, as an id and its value."""
    id = "reconstruction_loss" if bundle == "unet_autoencoder" else ("decoder_loss" if training else "loss")
    loss = json.loads((REPO / "bundles" / bundle / "configs" / "train.json").read_text())[id]
    told = {} if training else {"training": False}
    return {id: {"_target_": f"tests.cli.faults.{name}", "loss": loss, **arguments, **told}}


def words(bundle: str, phantoms: Path, run: Path, *flags: object, **faults: Any) -> list[str]:
    size = ("--image_size", 32, "--latent_size", 4, "--batch_size", 8, "--device", "cpu", "--epochs", EPOCHS)
    train = ("train", bundle, "--data", phantoms, "--output", run, *size, "--set", settings(bundle, **faults), *flags)
    return [str(word) for word in train]


def start(argv: list[str]) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    command = [sys.executable, "-m", "imgae_monai", *argv]
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, check=False, timeout=300)


def differing(a: Any, b: Any, name: str = "") -> list[str]:
    """Where two states differ by a bit."""
    if isinstance(a, Mapping):
        keys = [] if a.keys() == b.keys() else [f"{name}: other keys"]
        return keys + [d for key in a.keys() & b.keys() for d in differing(a[key], b[key], f"{name}.{key}")]
    if isinstance(a, list | tuple):
        pairs = enumerate(zip(a, b, strict=True))
        return [d for index, (x, y) in pairs for d in differing(x, y, f"{name}.{index}")]
    return [] if (torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b) else [name]


def checkpoint(run: Path, name: str) -> Any:
    return torch.load(run / "models" / name, weights_only=True)


def assert_same_bits(a: Path, b: Path) -> None:
    names = sorted(path.name for path in (a / "models").iterdir())
    assert names == sorted(path.name for path in (b / "models").iterdir())
    assert {f"checkpoint_epoch={EPOCHS}.pt", "model.pt", "model_final.pt"} <= {*names}
    for name in (name for name in names if name.endswith(".pt")):
        found = differing(checkpoint(a, name), checkpoint(b, name))
        # the time that it took, and what follows from it, are not repeatable; calibrations name the file's hash
        assert [d for d in found if d not in (".record.seconds", ".checkpoint_sha256", ".members_sha256")] == []
    first, second = (json.loads((run / "train.json").read_text()) for run in (a, b))
    for key in ("train_loss", "val_loss", "best_epoch", "best_val_loss", "epochs_run", "finished"):
        assert first[key] == second[key]
    assert len(first["train_loss"]) == EPOCHS


@pytest.mark.parametrize(
    ("bundle", "flags"),
    [
        *((bundle, ("--num_workers", n)) for bundle in BUNDLES for n in (0, 2)),
        *((BUNDLES[0], (*SMART, *RESTORING, "--num_workers", n)) for n in (0, 2)),
        (BUNDLES[0], (*OPTIMISATION, "--ensemble", 2, "--num_workers", 0)),
    ],
)
def test_a_run_killed_three_times_ends_with_the_same_bits(bundle, flags, cli, phantoms, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    marks = tmp_path / "marks"
    marks.mkdir()
    cli(*words(bundle, phantoms, alone, *flags))
    saving = {"_target_": "tests.cli.faults.KilledWhileSaving", "n": 2, "folder": str(marks)}
    saver = {**saving, "save_dir": "@ckpt_dir", "save_dict": "@state"}
    saver |= {"save_interval": "@save_interval", "n_saved": "@n_saved"}
    step = fault(bundle, "SignalAt", n=2, folder=str(marks))
    # a validation calls it for each of 24 images: in a process that goes on from epoch 1 this is the third epoch's
    validation = fault(bundle, "SignalAt", n=30, folder=str(marks), training=False)
    for loss in (step, step, validation):
        if (killed / "configs").exists():
            _change(killed, loss)
        argv = words(bundle, phantoms, killed, *flags, "--resume", "auto", checkpoint_saver=saver, **loss)
        ended = start(argv)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert {path.name for path in marks.iterdir()} == {
        "signal_9_in_training",
        "killed_while_saving_2",
        "signal_9_in_validation",
    }
    assert [path.name for path in resume_points(killed / "models")] == [f"checkpoint_epoch={n}.pt" for n in (2, 1)]
    assert [epoch for epoch, _ in json.loads((killed / "train.json").read_text())["train_loss"]] == [1, 2]
    cli(*words(bundle, phantoms, killed, *flags, "--resume"))
    assert_same_bits(alone, killed)
    assert ("an epoch sees a window of" in (killed / "train.log").read_text()) == ("--memory_budget" in flags)


def _change(run: Path, ids: Mapping[str, Any]) -> None:
    path = run / "configs" / "train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **ids}))


@pytest.fixture
def half(cli, phantoms, tmp_path) -> Path:
    """A run of two epochs, to be gone on with."""
    run = tmp_path / "half"
    cli(*words(BUNDLES[1], phantoms, run)[:-2], "--set", settings(BUNDLES[1]), "--epochs", 2)
    return run


def test_a_run_goes_on_from_the_checkpoint_before_a_spoilt_one(half, cli, phantoms, capsys, tmp_path):
    alone = tmp_path / "alone"
    cli(*words(BUNDLES[1], phantoms, alone))
    last = half / "models" / "checkpoint_epoch=2.pt"
    last.write_bytes(last.read_bytes()[:-1000])
    capsys.readouterr()
    cli(*words(BUNDLES[1], phantoms, half, "--resume"))
    assert capsys.readouterr().err.count("checkpoint_epoch=2.pt can't be used (BadZipFile") == 1
    assert_same_bits(alone, half)


# of a run with 0.07 MB of weights and 0.23 MB a resume point
@pytest.mark.parametrize(("room", "refused"), [(50_000, "model.pt"), (200_000, "checkpoint_epoch=3.pt")])
def test_a_full_disk_stops_a_run_with_one_line_and_spoils_nothing(
    room, refused, half, cli, phantoms, small_disk, capsys, tmp_path
):
    alone, run = tmp_path / "alone", small_disk / "run"
    cli(*words(BUNDLES[1], phantoms, alone))
    shutil.copytree(half, run)
    for path in (run / "models" / "model_final.pt", *(run / "models").glob("calibration-*")):
        path.unlink()  # a resume deletes these first, and would have room
    before = {path: path.read_bytes() for path in (run / "models").iterdir() if path.name.startswith("checkpoint")}
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filling").write_bytes(bytes(free - room))
    capsys.readouterr()
    with pytest.raises(SystemExit) as e:
        cli(*words(BUNDLES[1], phantoms, run, "--resume"))
    assert e.value.code == 2
    error = re.split(r"[\r\n]+", capsys.readouterr().err.strip())[-1]
    assert error.startswith(f"error: cannot write {run / 'models' / refused}: No space left on device")
    assert list((run / "models").glob(".*")) == []
    assert {path: path.read_bytes() for path in before} == before
    (small_disk / "filling").unlink()
    cli(*words(BUNDLES[1], phantoms, run, "--resume", "auto"))
    assert_same_bits(alone, run)


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_a_signal_ends_a_run_with_one_line_and_auto_goes_on(number, word, cli, phantoms, tmp_path):
    alone, stopped = tmp_path / "alone", tmp_path / "stopped"
    cli(*words(BUNDLES[1], phantoms, alone))
    # three steps an epoch: this is one of the third
    loss = fault(BUNDLES[1], "SignalAt", n=8, folder=str(tmp_path), number=int(number))
    ended = start(words(BUNDLES[1], phantoms, stopped, "--resume", "auto", **loss))
    assert ended.returncode == 128 + number, ended.stderr
    lines = re.split(r"[\r\n]+", ended.stderr.strip())
    assert lines[-1] == f"{word}; imgae-monai train ... --resume auto goes on from the last resume point"
    assert "Traceback" not in ended.stderr
    assert [path.name for path in resume_points(stopped / "models")] == [f"checkpoint_epoch={n}.pt" for n in (2, 1)]
    cli(*words(BUNDLES[1], phantoms, stopped, "--resume", "auto"))
    assert_same_bits(alone, stopped)


def test_a_signal_saves_the_running_epoch_where_no_other_point_is_as_late(cli, phantoms, tmp_path):
    alone, stopped = tmp_path / "alone", tmp_path / "stopped"
    cli(*words(BUNDLES[1], phantoms, alone, "--save_interval", 4))
    loss = fault(BUNDLES[1], "SignalAt", n=8, folder=str(tmp_path), number=int(signal.SIGTERM))
    argv = words(BUNDLES[1], phantoms, stopped, "--save_interval", 4, "--resume", "auto", **loss)
    ended = start(argv)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert "epoch 3 is finished and saved first" in ended.stderr
    assert [path.name for path in resume_points(stopped / "models")] == ["checkpoint_epoch=3.pt"]
    cli(*words(BUNDLES[1], phantoms, stopped, "--save_interval", 4, "--resume", "auto"))
    for name in ("model.pt", "model_final.pt"):
        assert differing(checkpoint(alone, name), checkpoint(stopped, name)) == []


def test_auto_leaves_a_finished_run_as_it_is_unless_more_epochs_are_asked_for(half, cli, phantoms, capsys):
    before = {path: path.read_bytes() for path in half.rglob("*") if path.is_file()}
    argv = words(BUNDLES[1], phantoms, half)
    argv[argv.index("--epochs") + 1] = "2"
    cli(*argv, "--resume", "auto")
    assert {path: path.read_bytes() for path in half.rglob("*") if path.is_file()} == before
    with pytest.raises(SystemExit):
        cli(*argv, "--resume", "auto", "--seed", 1)
    assert "can only be resumed as it was started; different: seed" in capsys.readouterr().err
    cli(*words(BUNDLES[1], phantoms, half, "--resume", "auto"))
    assert json.loads((half / "train.json").read_text())["epochs_run"] == EPOCHS


def test_a_cosine_is_not_stretched(cli, phantoms, capsys, tmp_path):
    run, flags = tmp_path / "run", ("--lr_schedule", "cosine")
    argv = words(BUNDLES[1], phantoms, run, *flags)
    argv[argv.index("--epochs") + 1] = "1"
    cli(*argv)
    before = (run / "configs" / "train.json").read_bytes()
    with pytest.raises(SystemExit):
        cli(*words(BUNDLES[1], phantoms, run, *flags, "--resume"))
    assert "lowers its learning rate to 0 over 1 epochs (lr_schedule cosine): it can't be resumed with 4" in (
        capsys.readouterr().err
    )
    assert (run / "configs" / "train.json").read_bytes() == before


def test_auto_does_not_replace_a_finished_run_without_resume_points(half, cli, phantoms, capsys):
    for path in (half / "models").glob("checkpoint_epoch=*.pt"):
        path.unlink()
    with pytest.raises(SystemExit):
        cli(*words(BUNDLES[1], phantoms, half, "--resume", "auto"))
    assert "already holds a run" in capsys.readouterr().err
    assert (half / "models" / "model.pt").is_file()


def test_a_second_run_on_one_folder_is_refused(phantoms, tmp_path):
    with lock_run(tmp_path / "run"):
        ended = start(words(BUNDLES[1], phantoms, tmp_path / "run"))
        assert ended.returncode == 2
        assert f"run is in use by process {os.getpid()} on " in ended.stderr
        assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--resume", "yesterday"], "--resume takes true, false or auto, got 'yesterday'"),
        (["--resume", "auto", "--overwrite"], "--resume and --overwrite exclude each other"),
        (["--resume"], "nothing to resume: no checkpoint_epoch=N.pt in "),
    ],
)
def test_a_resume_that_makes_no_sense_is_refused_and_leaves_no_folder(flags, message, cli, phantoms, capsys, tmp_path):
    with pytest.raises(SystemExit):
        cli(*words(BUNDLES[1], phantoms, tmp_path / "run", *flags))
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
