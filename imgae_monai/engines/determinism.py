"""Let the same seed give the same numbers."""

from __future__ import annotations

import os

import torch
from monai.utils import set_determinism


def make_deterministic(seed: int) -> None:
    """Seed every global generator and have torch choose algorithms that repeat.

    MONAI's ``set_determinism`` seeds and sets cuDNN's flag. On CUDA more is needed: without torch's deterministic
    algorithms the gradient of the U-Net's bilinear upsampling is summed in no fixed order, and without
    ``CUBLAS_WORKSPACE_CONFIG`` (set here unless it is set, in time only before CUDA's first use) so are the matrix
    products. An operation that has no deterministic algorithm warns. Both cost a CPU nothing.

    Args:
        seed: of Python's, NumPy's and torch's generators.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    set_determinism(seed=seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # filling memory that is overwritten anyway only helps to find faults, and takes time
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
