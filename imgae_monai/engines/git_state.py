"""Which commit of this package computes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 10


def git_state(folder: Path | None = None) -> dict[str, Any]:
    """The commit that a package's code is at, where it runs from a git checkout.

    Args:
        folder: the package's folder, this package's own by default. Its bundles are looked for in it or beside it.

    Returns:
        ``commit`` (hexadecimal digits) and ``dirty`` (whether code or bundles differ from the commit, files that git
        does not know included); both None where the code is in no checkout, an installed package's usual case, or git
        can't tell. Never an error.
    """
    folder = folder or Path(__file__).resolve().parents[1]
    # a package that was installed into an environment inside some other project's checkout is not that project's
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": None, "dirty": None}
    bundles = folder.parent / "bundles"
    looked_at = [".", *(["../bundles"] if bundles.is_dir() else [])]
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", *looked_at)
    if commit is None or changes is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    """What a git command prints, or None where it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # reads only: no lock on the index, no daemon, no password prompt
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    try:
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return ended.stdout.strip()
