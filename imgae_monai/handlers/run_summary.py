"""What trackers compare runs by: the settings of a config and the figures of a run's record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai.config import PathLike


def scalar_ids(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """The settings of a config: ids at its top whose value is one number, word or switch, and no expression.

    Args:
        config: a bundle's config, not evaluated.
    """
    return {
        key: value
        for key, value in config.items()
        if isinstance(value, bool | int | float) or (isinstance(value, str) and not value.startswith(("$", "@")))
    }


def final_metrics(output_dir: PathLike) -> dict[str, float]:
    """``best_val_loss`` (where there is one), ``epochs_run`` and ``threshold`` of a finished run's ``train.json``."""
    record = json.loads((Path(output_dir) / "train.json").read_text(encoding="utf-8"))
    best = record["best_val_loss"]  # None where no validation chose the weights
    return {
        **({"best_val_loss": float(best)} if best is not None else {}),
        "epochs_run": float(record["epochs_run"]),
        "threshold": float(record["calibration"]["threshold"]),
    }


def run_artifacts(output_dir: PathLike, ckpt_dir: PathLike) -> list[Path]:
    """Best weights, calibrations, record and losses of a finished run, as far as they are there."""
    names = [Path(output_dir) / name for name in ("train.json", "losses.png")]
    calibrations = sorted(Path(ckpt_dir).glob("calibration-*.pt"))
    return [path for path in (Path(ckpt_dir) / "model.pt", *calibrations, *names) if path.is_file()]
