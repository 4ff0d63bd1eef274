"""Keep a run safe while another takes its place."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def set_aside(run: Path, parts: Sequence[str], aside: Path) -> Iterator[None]:
    """Keep the run that is there until the new one has weights; bring it back if it never gets that far.

    Args:
        run: folder of both.
        parts: names of what a run has there.
        aside: folder to keep the old one in. Where it exists already, an earlier attempt died: it still holds what is
            to be kept, and what is there now is deleted.
    """
    kept = [part for part in parts if (run / part).exists()]
    if aside.exists():  # what is there now was to replace it, and died
        for part in kept:
            _delete(run / part)
    elif kept:
        aside.mkdir()
        for part in kept:
            (run / part).rename(aside / part)
    try:
        yield
    finally:
        if aside.exists():
            if not (run / "models" / "model.pt").exists():
                for part in parts:
                    _delete(run / part)
                    if (aside / part).exists():
                        (aside / part).rename(run / part)
            shutil.rmtree(aside)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
