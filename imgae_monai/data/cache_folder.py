"""Where downloads and unpacked archives are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/imgae_monai``, or ``~/.cache/imgae_monai`` without that variable."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "imgae_monai"
