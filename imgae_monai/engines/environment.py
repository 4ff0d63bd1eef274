"""What the same numbers depend on beside config and data."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from imgae_monai.engines.git_state import git_state
from imgae_monai.engines.versions import versions


def environment(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Software and hardware that a run computes with.

    Args:
        device: where the network runs.

    Returns:
        ``versions``, ``git`` (see :py:func:`git_state`), ``n_threads`` (sums are split by it, so figures repeat for the
        same number only), ``device_name`` and, as kernels are chosen by it, the processor's ``cpu_capability``.
    """
    return {
        "versions": versions(),
        "git": git_state(),
        "n_threads": torch.get_num_threads(),
        "device_name": _device_name(torch.device(device)),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
