"""The command line under ``torchrun``."""

from __future__ import annotations

import os

from imgae_monai.exceptions import InputError

_TOGETHER = ("train", "predict")


def by_torchrun() -> bool:
    """Whether this process is one of several that ``torchrun`` started."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_alone(command: str) -> None:
    """Refuse a command that would do the same several times over.

    Raises:
        InputError: when ``torchrun`` started it and it does not share its work out.
    """
    if by_torchrun() and command not in _TOGETHER:
        raise InputError(
            f"{command} is done by one process: start it without torchrun (train and predict --table share their work; "
            "so does python -m monai.bundle run with multi_gpu_evaluate.json)"
        )
