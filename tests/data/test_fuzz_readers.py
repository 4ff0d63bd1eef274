from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import REPO

N_FILES = 2000
TIME_LIMIT_S = 300


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    """The result of reading damaged files in a process of its own, so that a crash is a failure and not the end."""
    for module in ("pydicom", "gdcm", "pyarrow"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-m", "tests.data.fuzz_child", str(folder), str(N_FILES), "3"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    last = folder / "now.txt"
    reading = last.read_text(encoding="utf-8") if last.exists() else "nothing"
    assert done.returncode == 0, f"exit code {done.returncode} over {reading}: {done.stderr[-2000:]}"
    return json.loads((folder / "result.json").read_text(encoding="utf-8"))


def test_a_damaged_file_is_read_in_range_or_refused_by_name(fuzzed):
    assert fuzzed["failures"] == []
    assert sum(sum(counts.values()) for counts in fuzzed["counts"].values()) == N_FILES


def test_every_kind_of_file_is_damaged_and_refused(fuzzed):
    assert len(fuzzed["counts"]) >= 16
    for kind, counts in fuzzed["counts"].items():
        assert counts["refused"] >= 20, (kind, counts)


def test_checksums_leave_no_damaged_compressed_volume_unnoticed(fuzzed):
    assert fuzzed["counts"]["packed.nii.gz"].get("read", 0) <= 3  # the name and time in gzip's header don't matter
