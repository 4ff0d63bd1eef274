"""Automatic mixed precision only where MONAI's engines have it."""

from __future__ import annotations

import torch

from imgae_monai.exceptions import InputError


def check_amp(amp: bool, device: torch.device | str) -> bool:
    """Refuse mixed precision where it would silently do nothing.

    MONAI's engines autocast for CUDA only (monai 1.6.1, ``engines/trainer.py``); elsewhere ``amp=True`` computes in
    full precision without a word.

    Args:
        amp: what was asked for.
        device: where the network runs.

    Returns:
        ``amp``.

    Raises:
        InputError: when ``amp`` is set and the device is not CUDA.
    """
    if amp and torch.device(device).type != "cuda":
        raise InputError(f"amp works on CUDA only, the device is {device}: leave amp off, or choose a CUDA device")
    return amp
