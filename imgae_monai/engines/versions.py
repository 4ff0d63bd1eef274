"""Versions of what a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version

import imgae_monai


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that compute, by name."""
    libraries = ("torch", "monai", "pytorch-ignite", "numpy", "scikit-learn", "scikit-image", "pillow")
    return {
        "python": platform.python_version(),
        "imgae_monai": imgae_monai.__version__,
        **{name: version(name) for name in libraries},
    }
