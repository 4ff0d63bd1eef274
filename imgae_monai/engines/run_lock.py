"""One process a run's folder."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import ignite.distributed as idist
from monai.config import PathLike

from imgae_monai.engines.run_folder import check_writable
from imgae_monai.exceptions import InputError

LOCK_NAME = ".lock"

# what this process holds. The system counts by process too: to open and close the file once more would lose the lock
_HELD: dict[Path, TextIO] = {}


@contextlib.contextmanager
def lock_run(folder: PathLike) -> Iterator[None]:
    """Hold a run's folder for this process, or be refused at once.

    The system itself holds the lock on ``.lock`` and takes it from a process that dies, however it dies. It is a record
    lock (``fcntl.lockf``), since a loader's workers would inherit ``fcntl.flock`` and keep it some seconds longer than
    a process that was killed. What this process holds already, or a folder above it, it goes on holding. On Windows
    nothing is locked.

    Args:
        folder: the run's folder; it is created.

    Raises:
        InputError: when another process holds it (says which), or the folder can't be written to.
    """
    taken = _take(Path(folder))
    try:
        yield
    finally:
        if taken is not None:
            _give_back(taken)


def hold_run(output_dir: PathLike, ckpt_dir: PathLike) -> None:
    """As :py:func:`lock_run`, to the end of the process: for a config's ``run``, which ``monai.bundle`` may start.

    Of a distributed run the first process holds the folders for all.

    Args:
        output_dir: folder of the records; it is created.
        ckpt_dir: folder of the checkpoints; it is created.

    Raises:
        InputError: as there.
    """
    if idist.get_rank() != 0:
        return
    owner = os.getpid()
    for folder in (output_dir, ckpt_dir):
        taken = _take(Path(folder))
        if taken is not None:
            atexit.register(_give_back, taken, owner)


def _take(folder: Path) -> Path | None:
    """The folder as it is known by when it is given back, or None where there is nothing to be given back."""
    folder = folder.resolve()
    if os.name == "nt" or any(place in _HELD for place in (folder, *folder.parents)):
        return None
    check_writable(folder)
    file = _locked(folder / LOCK_NAME)
    with contextlib.suppress(OSError):  # a full disk: the lock holds all the same, only its holder is not named
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
    _HELD[folder] = file
    return folder


def _give_back(folder: Path, owner: int | None = None) -> None:
    if owner not in (None, os.getpid()):  # a forked child that ends
        return
    file = _HELD.pop(folder)
    Path(file.name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # what could not be written before can't be now
        file.close()


def _locked(path: Path) -> TextIO:
    """The file, opened anew where its last holder has deleted it meanwhile."""
    import fcntl

    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115  # the caller closes it
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise InputError(
                f"{path.parent} is in use by {holder}: wait for it to end, or give another output folder"
            ) from e
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            file.truncate(0)  # what a process that died has left
            return file
        file.close()
