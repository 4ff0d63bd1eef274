"""Write a file wholly or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from monai.config import PathLike

from imgae_monai.exceptions import InputError


@contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """Open a file whose contents take the place of ``path`` once they are safely on the disk.

    They go to ``.NAME.part`` in the same folder, are flushed (file, then folder) and renamed. Whenever the process
    dies, ``path`` is the old file or the new one; a ``.part`` that is left is written over by the next attempt.
    Ignite's ``DiskSaver(atomic=True)`` does not flush, so that a power cut leaves an empty file under the new name.

    Args:
        path: file to be written, in a folder that exists.

    Raises:
        InputError: when the system refuses to write, as on a full disk: ``path`` is as it was, no ``.part`` is left.

    Example:
        >>> with atomic_write("/tmp/a.txt") as file:
        ...     file.write(b"all of it")
        9
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _flush_folder(path.parent)
    except BaseException as e:
        refusal = _system_error(e)
        part.unlink(missing_ok=True)
        if refusal is None:
            raise
        kept = "; the file before it is kept" if path.exists() else ""
        raise InputError(f"cannot write {path}: {refusal.strerror}{kept}. Make room, or give another folder") from e


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # folders can't be opened there, and a rename is journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _system_error(error: BaseException) -> OSError | None:
    """The system's own error: torch's writer raises a RuntimeError over it."""
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, OSError) and step.strerror:
            return step
        step = step.__cause__ or step.__context__
    return None
