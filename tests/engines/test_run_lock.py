"""A run's folder has one process at a time, and a dead one holds nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgae_monai.engines import hold_run, lock_run
from imgae_monai.exceptions import InputError
from tests.conftest import REPO

_HOLD = """
import sys, time
from imgae_monai.engines import lock_run
with lock_run(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there")
def test_the_second_process_is_refused_until_the_first_is_dead(holder, tmp_path):
    message = rf"run is in use by process {holder.pid} on .+: wait for it to end, or give another output folder"
    with pytest.raises(InputError, match=message), lock_run(tmp_path / "run"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with lock_run(tmp_path / "run"):
        assert (tmp_path / "run" / ".lock").read_text().startswith(f"process {os.getpid()} on ")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_lock_is_given_back_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), lock_run(tmp_path):
            raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    Path(tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write to"), lock_run(tmp_path / "file"):
        pass


def test_what_this_process_holds_it_goes_on_holding(holder, tmp_path):
    first, second = tmp_path / "own", tmp_path / "own" / "models"
    take = "import sys; from imgae_monai.engines import lock_run\nwith lock_run(sys.argv[1]): pass"

    with lock_run(first):
        for _ in range(2):
            hold_run(first, second)
            with lock_run(first):
                pass
        assert not second.exists()
        # though the lock was asked for and let go of within
        assert (
            subprocess.run([sys.executable, "-c", take, str(first)], capture_output=True, check=False).returncode != 0
        )
    assert not (first / ".lock").exists()
    with pytest.raises(InputError, match=f"run is in use by process {holder.pid}"):
        hold_run(tmp_path / "free", tmp_path / "run" / ".." / "run")


def bare(tmp_path: Path, phantoms: Path, *flags: str) -> subprocess.Popen:
    """A training run that MONAI's own command starts."""
    config = REPO / "bundles" / "reversed_autoencoder" / "configs" / "train.json"
    command = [sys.executable, "-m", "monai.bundle", "run", *(flags or ("--config_file", str(config)))]
    tiny = ["--channels", "[4,8]", "--strides", "[2,2]", "--image_size", "16", "--epochs", "9999"]
    own = ["--bundle_root", str(tmp_path), "--dataset_dir", str(phantoms), "--patience", "9999", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(REPO)}
    return subprocess.Popen([*command, *tiny, *own], cwd=REPO, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there")
def test_of_two_bare_runs_the_second_is_refused_until_the_first_is_dead(phantoms, tmp_path):
    configs = REPO / "bundles" / "reversed_autoencoder" / "configs"
    hold = tmp_path / "hold.json"
    hold.write_text(json.dumps({"hold": "$imgae_monai.engines.hold_run(@output_dir, @ckpt_dir)"}))
    first = bare(tmp_path, phantoms)
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "models").glob("checkpoint_epoch=*.pt")) and time.monotonic() < deadline:
            assert first.poll() is None, first.stderr
            time.sleep(0.2)
        assert (tmp_path / "models" / ".lock").read_text().startswith(f"process {first.pid} on ")
        second = bare(tmp_path, phantoms)
        assert f"eval is in use by process {first.pid} on " in second.communicate(timeout=120)[1]
        assert second.returncode != 0
    finally:
        first.kill()
        first.wait()
    # a dead process's file is left, but holds nothing
    assert (tmp_path / "eval" / ".lock").exists()
    third = bare(tmp_path, phantoms, "hold", "--config_file", str([str(configs / "train.json"), str(hold)]))
    error = third.communicate(timeout=120)[1]
    assert third.returncode == 0, error
    assert not (tmp_path / "eval" / ".lock").exists()
    assert not (tmp_path / "models" / ".lock").exists()
