"""A run's folder has one process at a time, and a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgae_monai.engines import lock_run
from imgae_monai.exceptions import InputError

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
