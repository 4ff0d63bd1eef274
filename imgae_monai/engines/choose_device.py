"""Where to compute, and why there."""

from __future__ import annotations

import logging

import torch

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_NAMES = "auto, cpu, cuda, cuda:0, cuda:1, ... or mps"


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name, with the reason logged; one that is not there is refused before anything is computed.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or ``"auto"``: CUDA where there is a GPU, else MPS
            (Apple), else the CPU.

    Raises:
        InputError: when there is no device of that name, here or at all.
    """
    if name == "auto":
        device, reason = _best()
        logger.info("device %s: %s", device, reason)
        return device
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise InputError(f"no device {name!r}: use {_NAMES}") from e
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device {name} is not supported: use {_NAMES}")
    if device.type == "cpu":
        device = torch.device("cpu")  # torch.load does not know a cpu:0
    missing = _missing(device)
    if missing is not None:
        raise InputError(f"device {name} is not to be had: {missing}; use auto or cpu")
    logger.info("device %s: as asked for%s", device, f" ({_card(device)})" if device.type == "cuda" else "")
    return device


def _best() -> tuple[torch.device, str]:
    no_cuda, no_mps = _missing(torch.device("cuda")), _missing(torch.device("mps"))
    if no_cuda is None:
        return torch.device("cuda"), _card(torch.device("cuda"))
    if no_mps is None:
        return torch.device("mps"), f"Apple's GPU ({no_cuda})"
    return torch.device("cpu"), no_cuda


def _missing(device: torch.device) -> str | None:
    """Why a device can't be used, or None."""
    if device.type == "cuda":
        if torch.version.cuda is None and torch.version.hip is None:
            return f"torch {torch.__version__} was built without CUDA"
        if not torch.cuda.is_available():
            return f"CUDA is built into torch {torch.__version__} but no GPU was found (or its driver is too old)"
        count = torch.cuda.device_count()
        if device.index is not None and device.index >= count:
            return f"there {'is 1 GPU' if count == 1 else f'are {count} GPUs'}, counted from 0"
    if device.type == "mps":
        if not torch.backends.mps.is_built():
            return f"torch {torch.__version__} was built without MPS"
        if not torch.backends.mps.is_available():
            return "MPS is built in but this machine or its macOS does not have it"
    return None


def _card(device: torch.device) -> str:
    return torch.cuda.get_device_name(device)
