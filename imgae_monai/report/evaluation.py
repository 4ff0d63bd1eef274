"""An evaluation as it was left on the disk, by columns."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.metrics import compute_auroc
from imgae_monai.report.scores_file import ScoresTable, read_scores_file


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """One model's scores on labelled images, and what is known about it.

    Args:
        name: what to call the model.
        folder: folder of the evaluation, or of the CSV file.
        images: names of the images.
        labels: (n,) int8, 0 normal and 1 abnormal.
        patient_ids: who each image is of.
        scores: (n,) float64, raw, higher is more abnormal.
        decisions: (n,) int8, 1 where the image is called abnormal, at the model's own threshold; None: not known.
        probabilities: (n,) that an image is abnormal; None where the model gives none.
        threshold: by which ``decisions`` were made; None where it is not known.
        metrics: ``metrics.json``; None for a bare CSV file.
        record: the training run's ``train.json``; None where there is none.
    """

    name: str
    folder: Path
    images: tuple[str, ...]
    labels: NDArray[np.int8]
    patient_ids: tuple[str, ...]
    scores: NDArray[np.float64]
    decisions: NDArray[np.int8] | None = None
    probabilities: NDArray[np.float64] | None = None
    threshold: float | None = None
    metrics: dict[str, Any] | None = None
    record: dict[str, Any] | None = None


def load_evaluation(path: str | Path) -> Evaluation:
    """Read what ``imgae-monai evaluate`` left, or another tool's scores.

    Args:
        path: folder with ``metrics.json`` and ``scores.csv``, or a CSV file, see
            :py:func:`imgae_monai.report.scores_file.read_scores_file`.

    Returns:
        the evaluation; parts that an earlier version did not write are None.

    Raises:
        InputError: when it is neither, or a file is spoilt; the message names file and line.
    """
    path = Path(path).expanduser().resolve()
    if path.is_file():
        return _of_table(path.stem, path.parent, read_scores_file(path))
    missing = [name for name in ("metrics.json", "scores.csv") if not (path / name).is_file()]
    if missing and (path / "configs" / "train.json").is_file():
        raise InputError(f"{path} is a run that was not evaluated: run imgae-monai evaluate {path} first")
    if missing:
        what = "has no " + " and no ".join(missing) if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}: give a folder that imgae-monai evaluate wrote, or a CSV file of scores")
    metrics = read_json(path / "metrics.json")
    table = read_scores_file(path / "scores.csv")
    counts = metrics.get("n_normal"), metrics.get("n_abnormal")
    found = int((table.labels == 0).sum()), int((table.labels == 1).sum())
    if None not in counts and counts != found:
        raise InputError(
            f"{path}: metrics.json is of {counts[0]} normal and {counts[1]} abnormal images, scores.csv of {found[0]} "
            f"and {found[1]}: they are not of one evaluation; evaluate again with --overwrite"
        )
    told, auroc = metrics.get("auroc"), compute_auroc(table.scores, table.labels)
    if told is not None and auroc is not None and not math.isclose(auroc, told, abs_tol=1e-6):
        raise InputError(
            f"{path}: metrics.json has an AUROC of {told:.6f}, scores.csv one of {auroc:.6f}: they are not of one "
            "evaluation; evaluate again with --overwrite"
        )
    record = _find_record(path, metrics)
    return dataclasses.replace(_of_table(path.name, path, table), metrics=metrics, record=record)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: when the file is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as e:
        raise InputError(f"cannot read {path}: {e}; make it again") from e
    if not isinstance(content, dict):
        raise InputError(f"{path} must hold a JSON object, got a {type(content).__name__}: make it again")
    return content


def _of_table(name: str, folder: Path, table: ScoresTable) -> Evaluation:
    columns = (table.images, table.labels, table.patient_ids, table.scores, table.decisions, table.probabilities)
    return Evaluation(name, folder, *columns, table.threshold)


def _find_record(folder: Path, metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of the run whose weights were evaluated: in the same folder, or where the config says it was."""
    config = metrics.get("config") or {}
    for place in (folder, config.get("bundle_root")):
        path = Path(place) / "train.json" if place else None
        if path is not None and path.is_file():
            record = read_json(path)
            if record.get("checkpoint_sha256") in (None, metrics.get("checkpoint_sha256")):
                return record
    return None
