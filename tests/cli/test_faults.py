"""What goes wrong in mid-run is named in one line, spoils nothing, and can be gone on from."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch

from imgae_monai.cli.bundle_config import log_to
from tests.cli.test_resume import assert_same_bits, fault, start, words
from tests.conftest import BUNDLES


def last_line(text: str) -> str:
    return re.split(r"[\r\n]+", text.strip())[-1]


def spoil(folder: Path, n: int) -> Path:
    """Cut the n-th image off, but not its header."""
    path = sorted(folder.iterdir())[n]
    path.write_bytes(path.read_bytes()[:200])
    return path


def test_unreadable_images_are_skipped_and_listed_and_a_resume_repeats_it(cli, phantoms, capsys, tmp_path):
    data = shutil.copytree(phantoms, tmp_path / "data")
    spoilt = [spoil(data / "train" / "normal", 2), spoil(data / "val" / "normal", 3)]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    skip = ("--on_unreadable", "skip", "--cache", "none")
    cli(*words(BUNDLES[1], data, alone, *skip))
    warnings = capsys.readouterr().err
    assert [warnings.count(f"WARNING: {path} is skipped") for path in spoilt] == [1, 1]
    record = json.loads((alone / "train.json").read_text())
    assert [entry["path"] for entry in record["skipped_images"]] == [str(path) for path in spoilt]
    assert all(entry["reason"].startswith(f"cannot read {entry['path']}") for entry in record["skipped_images"])
    (calibration,) = (alone / "models").glob("calibration-*.pt")
    stored = torch.load(calibration, weights_only=True)
    assert (stored["n_images"], len(stored["image_sha256"])) == (23, 23)

    loss = fault(BUNDLES[1], "SignalAt", n=8, folder=str(tmp_path))
    ended = start(words(BUNDLES[1], data, killed, *skip, "--resume", "auto", **loss))
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    cli(*words(BUNDLES[1], data, killed, *skip, "--resume", "auto"))
    assert_same_bits(alone, killed)
    assert json.loads((killed / "train.json").read_text())["skipped_images"] == record["skipped_images"]

    cli("calibrate", alone, "--residual", "l2")  # in another process: the list comes from the record
    (alone / "train.json").write_text(json.dumps({**record, "skipped_images": []}))
    test_image = spoil(data / "test" / "normal", 1)
    for command, named in (("calibrate", spoilt[1]), ("evaluate", test_image)):
        with pytest.raises(SystemExit):
            cli(command, alone)
        assert last_line(capsys.readouterr().err).startswith(f"error: cannot read {named}: ")


def test_a_killed_worker_is_explained_and_leaves_nothing_behind(cli, phantoms, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    flags = ("--num_workers", 2)
    cli(*words(BUNDLES[1], phantoms, alone, *flags))
    loss = fault(BUNDLES[1], "WorkerKilled", n=7, folder=str(tmp_path))
    begun = time.monotonic()
    ended = start(words(BUNDLES[1], phantoms, killed, *flags, "--resume", "auto", **loss))
    assert ended.returncode == 2, ended.stderr
    assert time.monotonic() - begun < 180  # a loader that waits for its dead worker waits for ever
    line = last_line(ended.stderr)
    workers = [int(pid) for pid in (tmp_path / "worker_killed").read_text().split()]
    assert len(workers) == 2
    # a connection to the worker may break before its signal is known, and torch then does not tell it
    begun_by = rf"error: a process that loads images \(pid {workers[0]}\) died(: Killed)?\. Likely cause: the system "
    assert re.match(begun_by, line)
    assert "--num_workers" in line
    assert "--resume auto" in line
    assert "Traceback" not in ended.stderr
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert not (killed / ".lock").exists()
    cli(*words(BUNDLES[1], phantoms, killed, *flags, "--resume", "auto"))
    assert_same_bits(alone, killed)


def test_a_calibration_that_was_cut_off_is_made_by_auto(cli, phantoms, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    cli(*words(BUNDLES[1], phantoms, alone))
    inferer = {"_target_": "tests.cli.faults.SignalIn", "number": int(signal.SIGKILL), "folder": str(tmp_path)}
    argv = words(BUNDLES[1], phantoms, killed, "--resume", "auto", **{"calibrate#inferer": inferer})
    ended = start(argv)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not json.loads((killed / "train.json").read_text())["finished"]
    assert list((killed / "models").glob("calibration*")) == []
    argv = [word.replace("'number': 9", "'number': 15") for word in argv]
    path = killed / "configs" / "train.json"
    path.write_text(path.read_text().replace('"number": 9', '"number": 15'))
    ended = start(argv)
    assert ended.returncode == 128 + signal.SIGTERM, ended.stderr
    assert (
        last_line(ended.stderr) == "terminated; imgae-monai train ... --resume auto goes on from the last resume point"
    )
    assert not (killed / ".lock").exists()
    cli(*argv)
    assert_same_bits(alone, killed)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_log_that_cannot_be_written_is_said_once(capsys):
    log_to(Path("/dev/full"))
    for number in range(3):
        logging.getLogger("imgae_monai.some").info("line %d", number)
    lines = capsys.readouterr().err.splitlines()
    refusal = "WARNING: cannot write /dev/full: No space left on device; from here on lines are missing there"
    assert sorted(lines) == sorted(["INFO: line 0", refusal, "INFO: line 1", "INFO: line 2"])
    log_to()  # closes it


def test_a_disk_that_is_full_before_training_is_said_in_one_line(cli, phantoms, small_disk, capsys):
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filling").write_bytes(bytes(free))
    with pytest.raises(SystemExit) as e:
        cli(*words(BUNDLES[1], phantoms, small_disk / "run"))
    assert e.value.code == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("error: "))
    assert "No space left on device" in line
    (small_disk / "filling").unlink()
    cli(*words(BUNDLES[1], phantoms, small_disk / "run", "--epochs", 1))  # what was left is no obstacle


def test_a_clock_that_goes_back_changes_nothing(cli, phantoms, monkeypatch, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    alone, run = tmp_path / "alone", tmp_path / "run"
    cli(*words(BUNDLES[1], phantoms, alone))
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600 * sum(1 for _ in run.glob("models/checkpoint*.pt")))
    argv = words(BUNDLES[1], phantoms, run)
    argv[argv.index("--epochs") + 1] = "2"
    cli(*argv)
    os.utime(run / "models" / "checkpoint_epoch=2.pt", (0, 0))  # the last one is the oldest by its time
    cli(*words(BUNDLES[1], phantoms, run, "--resume"))
    assert_same_bits(alone, run)
    assert 0 < json.loads((run / "train.json").read_text())["seconds"] < 600
    events = accumulator.EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    # files are read by the time in their names, so that the steps' order may be another
    assert sorted(event.step for event in events.Scalars("val_loss")) == [1, 2, 3, 4]
