"""Start processes by torchrun, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPO

SECONDS = 240  # for a launch, on a machine that does other things too


@pytest.fixture(scope="session")
def torchrun() -> Callable[..., subprocess.Popen]:
    """Start two processes on this machine; give it the words after torchrun's own."""

    def start(*words: object, restarts: int = 0, log: Path | None = None) -> subprocess.Popen:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        command += ["--max_restarts", str(restarts), *map(str, words)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPO)}
        out = subprocess.PIPE if log is None else open(log, "w", encoding="utf-8")  # noqa: SIM115
        return subprocess.Popen(command, env=environment, cwd=REPO, stdout=out, stderr=subprocess.STDOUT, text=True)

    return start


def finish(process: subprocess.Popen) -> str:
    """What a launch printed; it must have succeeded."""
    out = process.communicate(timeout=SECONDS)[0]
    assert process.returncode == 0, out[-5000:]
    return out


def worker(process: subprocess.Popen, rank: int) -> psutil.Process:
    """The process of a rank."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        for child in psutil.Process(process.pid).children():
            try:
                if child.environ().get("RANK") == str(rank):
                    return child
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        time.sleep(0.1)
    raise AssertionError(f"no process of rank {rank}")
