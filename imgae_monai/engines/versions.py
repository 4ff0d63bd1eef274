"""Versions of what a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version

import torch

import imgae_monai


def versions() -> dict[str, str]:
    """Versions of Python, this package and the libraries that compute, by name."""
    libraries = ("monai", "pytorch-ignite", "numpy", "scikit-learn", "scikit-image", "pillow")
    return {
        "python": platform.python_version(),
        "imgae_monai": imgae_monai.__version__,
        "torch": str(torch.__version__),  # with the build (+cpu, +cu130), which the package's metadata may lack
        **{name: version(name) for name in libraries},
    }
