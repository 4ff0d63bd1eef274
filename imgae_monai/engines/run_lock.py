"""One process a run's folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from monai.config import PathLike

from imgae_monai.engines.run_folder import check_writable
from imgae_monai.exceptions import InputError

LOCK_NAME = ".lock"


@contextmanager
def lock_run(folder: PathLike) -> Iterator[None]:
    """Hold a run's folder for this process, or be refused at once.

    The system itself holds the lock on ``.lock`` and takes it from a process that dies, however it dies. It is a record
    lock (``fcntl.lockf``), since a loader's workers would inherit ``fcntl.flock`` and keep it some seconds longer than
    a process that was killed. On Windows nothing is locked.

    Args:
        folder: the run's folder; it is created.

    Raises:
        InputError: when another process holds it (says which), or the folder can't be written to.
    """
    if os.name == "nt":
        yield
        return
    check_writable(Path(folder))
    with _locked(Path(folder) / LOCK_NAME) as file:
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            Path(file.name).unlink(missing_ok=True)


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
