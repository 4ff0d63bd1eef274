"""Every setting that it takes to repeat an evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.table import Table

_OF_METRICS = {
    "bundle": "bundle",
    "preset": "preset",
    "seed": "seed",
    "image_size": "image size (px)",
    "data": "data",
    "split": "split",
    "data_fingerprint": "data fingerprint",
    "checkpoint_sha256": "sha256 of the weights",
    "threshold": "threshold",
    "threshold_source": "threshold from",
    "n_bootstrap": "draws behind an interval",
    "interval_method": "intervals by",
    "device": "device",
    "device_name": "device's name",
    "cpu_capability": "processor's instructions",
    "n_threads": "threads",
}
_OF_RECORD = {
    "epochs_run": "epochs",
    "best_epoch": "best epoch",
    "best_val_loss": "best validation loss",
    "batch_size": "batch size",
    "images_per_epoch": "images an epoch",
    "seconds": "seconds of training",
}


def run_folder(evaluation: Evaluation) -> Path | None:
    """Folder of the run that was evaluated: the evaluation's own, or where its config says; None where it is gone."""
    config = (evaluation.metrics or {}).get("config") or {}
    for place in (evaluation.folder, config.get("bundle_root")):
        if place and (Path(place) / "models" / "model.pt").is_file():
            return Path(place).resolve()
    return None


def settings_table(evaluation: Evaluation) -> Table | None:
    """Settings, software and hardware; None for a bare CSV file."""
    metrics = evaluation.metrics
    if metrics is None:
        return None
    rows = [(name, _text(metrics[key])) for key, name in _OF_METRICS.items() if metrics.get(key) is not None]
    score = (metrics.get("calibration") or {}).get("score")
    if score:
        rows.append(("score", ", ".join(f"{key} {value}" for key, value in score.items())))
    record = evaluation.record or {}
    told = {name: record.get(key) for key, name in _OF_RECORD.items()}
    rows += [(f"training: {name}", _text(value)) for name, value in told.items() if value is not None]
    if record.get("federated"):
        rows.append(("training: federated", _pairs(record["federated"])))
    for where, source in (("", metrics), ("training: ", record)):
        if source.get("versions"):
            rows.append((f"{where}versions", _pairs(source["versions"])))
        if source.get("git"):
            git = source["git"]
            rows.append((f"{where}commit", f"{git.get('commit')}{' and changes' if git.get('dirty') else ''}"))
    return Table("Settings", ("setting", "value"), rows)


def commands(evaluation: Evaluation) -> list[str]:
    """Commands that repeat the run and its evaluation; none where the run's folder is not here."""
    run = run_folder(evaluation)
    if run is None:
        return []
    given = shlex.quote(str(run))
    return [
        f"imgae-monai reproduce {given}  # train and evaluate again, compare every number",
        f"imgae-monai evaluate {given} --output NEW_FOLDER  # score the same images again",
    ]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.8g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
