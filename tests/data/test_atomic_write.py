"""A file is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
import torch

from imgae_monai.data import atomic_write
from imgae_monai.exceptions import InputError


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def _write_half(path, error):
    with atomic_write(path) as file:
        file.write(b"ne")
        raise error


@pytest.mark.parametrize("error", [RuntimeError("spoilt"), KeyboardInterrupt()])
def test_an_error_on_the_way_leaves_the_old_file_alone(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        _write_half(path, error)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"old")]


def test_contents_and_folder_are_flushed_before_and_after_the_rename(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: steps.append("flush") or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda a, b: steps.append("rename") or replace(a, b))
    with atomic_write(tmp_path / "a.txt") as file:
        file.write(b"new")
    assert steps == ["flush", "rename", "flush"]


def test_a_full_disk_is_explained_and_the_old_file_kept(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    expected = r"a\.txt: No space left on device; the file before it is kept\. Make room"
    with pytest.raises(InputError, match=expected), atomic_write(path) as file:
        file.write(b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"old")]


_SAVE = """
import resource, signal, sys, torch
from imgae_monai.data import atomic_write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with atomic_write(sys.argv[1]) as file:
    torch.save({"weight": torch.rand(200_000)}, file)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit there")
def test_a_tensor_that_the_system_refuses_half_way_is_explained_too(tmp_path):
    """Torch raises a RuntimeError of its own over the system's error."""
    path = tmp_path / "a.pt"
    torch.save({"weight": torch.ones(3)}, path)
    ended = subprocess.run([sys.executable, "-c", _SAVE, str(path)], capture_output=True, text=True, check=False)
    assert "InputError: cannot write" in ended.stderr
    assert "a.pt: File too large; the file before it is kept" in ended.stderr
    assert torch.load(path, weights_only=True)["weight"].tolist() == [1, 1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]
