"""Refuse trackers that can't work before a run starts."""

from __future__ import annotations

import importlib.util

from imgae_monai.exceptions import InputError
from imgae_monai.handlers.mlflow_tracker import mlflow_address
from imgae_monai.handlers.wandb_tracker import WANDB_MODES


def check_trackers(mlflow_uri: str | None, wandb_project: str | None, wandb_mode: str = "online") -> None:
    """Make sure before a run that what it asks for is spelt right and installed.

    What fails later, as a server that is gone, does not end a run (:py:class:`imgae_monai.handlers.TrackerGuard`).

    Args:
        mlflow_uri: address for MLflow, or None.
        wandb_project: project of W&B, or None.
        wandb_mode: ``"online"``, ``"offline"`` or ``"disabled"``.

    Raises:
        InputError: when an address or mode is none, or a package is not installed.
    """
    for package, asked in (("mlflow", mlflow_uri), ("wandb", wandb_project)):
        if asked and importlib.util.find_spec(package) is None:
            raise InputError(f"{package} is not installed: pip install 'imgae_monai[{package}]', or run without it")
    if mlflow_uri:
        mlflow_address(mlflow_uri)
    if wandb_mode not in WANDB_MODES:
        raise InputError(f"wandb_mode must be one of {', '.join(WANDB_MODES)}, got {wandb_mode!r}")
