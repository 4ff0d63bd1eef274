"""One score an image in a CSV file, from our own evaluation or from any other tool, read by columns."""

from __future__ import annotations

import csv
import dataclasses
import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError

NEEDED = ("image", "label", "patient_id", "score")
_NUMBERS = ("score", "threshold", "probability")
_CLASSES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_MENDS = {
    "patient_id": "; where every image is of another patient, repeat the image's name there",
    "score": "; one number an image, higher is more abnormal",
    "label": "; 0 is normal, 1 abnormal",
}


@dataclasses.dataclass(frozen=True, eq=False)
class ScoresTable:
    """The columns of a file of scores; row i of each is of one image.

    Args:
        images: their names, each once.
        labels: (n,) int8, 0 normal and 1 abnormal.
        patient_ids: who each is of.
        scores: (n,) float64, raw, higher is more abnormal.
        decisions: (n,) int8, 1 where the image is called abnormal; None where the file does not tell.
        probabilities: (n,) float64 in [0, 1] that an image is abnormal; None where the file has none.
        threshold: above which images were called abnormal; None where the file has none, it is not the same in all
            rows, or decisions were not made by it.
    """

    images: tuple[str, ...]
    labels: NDArray[np.int8]
    patient_ids: tuple[str, ...]
    scores: NDArray[np.float64]
    decisions: NDArray[np.int8] | None
    probabilities: NDArray[np.float64] | None
    threshold: float | None = None


def read_scores_file(path: str | Path) -> ScoresTable:
    """Read ``image,label,patient_id,score``, and what it may have besides.

    Args:
        path: CSV file with a header. ``decision`` (0 or 1), or ``threshold`` (abnormal where score > threshold, the
            same in all rows or not), tells what each image was called; ``probability`` that it is abnormal. Further
            columns are passed over.

    Returns:
        the columns.

    Raises:
        InputError: when the file can't be read, a column is missing, or a row is wrong; the message names its line.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            columns = _read_columns(path, file)
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise InputError(f"cannot read {path}: {getattr(e, 'strerror', None) or e}; give a CSV file in UTF-8") from e
    scores = np.asarray(columns["score"])
    decisions = np.asarray(columns["decision"], dtype=np.int8) if "decision" in columns else None
    threshold = None
    if "threshold" in columns:
        thresholds = np.asarray(columns["threshold"])
        above = (scores > thresholds).astype(np.int8)
        decisions = above if decisions is None else decisions
        if (thresholds == thresholds[0]).all() and (decisions == above).all():
            threshold = float(thresholds[0])
    return ScoresTable(
        tuple(columns["image"]),
        np.asarray(columns["label"], dtype=np.int8),
        tuple(columns["patient_id"]),
        scores,
        decisions,
        np.asarray(columns["probability"]) if "probability" in columns else None,
        threshold,
    )


def _read_columns(path: Path, file: Any) -> dict[str, Any]:
    reader = csv.reader(file)
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        mend = "".join(_MENDS.get(name, "") for name in missing)
        raise InputError(f"{path} has no column {', '.join(missing)}; it has {', '.join(header) or 'no header'}{mend}")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError(f"{path} has the column {', '.join(repeated)} more than once: keep one")
    known = (*NEEDED, "decision", "threshold", "probability")
    places = {name: header.index(name) for name in known if name in header}
    columns: dict[str, Any] = {
        name: array("d") if name in _NUMBERS else array("b") if name in ("label", "decision") else [] for name in places
    }
    steps = [(place, _adder(name, columns[name])) for name, place in places.items()]
    for row in reader:
        if not row:
            continue
        try:
            for place, add in steps:
                add(row[place])
        except (ValueError, IndexError) as e:
            raise InputError(f"{path}, line {reader.line_num}: {_fault(row, header, places)}") from e
    _check_whole(path, columns)
    return columns


def _adder(name: str, column: Any) -> Any:
    """What reads one cell and appends it; a ValueError where it is no such value."""
    if name == "probability":
        return lambda cell: column.append(_share(cell))
    if name in _NUMBERS:
        return lambda cell: column.append(_finite(cell))
    if name in ("label", "decision"):
        return lambda cell: column.append(_class(cell))
    if name == "image":
        return lambda cell: column.append(_named(cell))
    texts: dict[str, str] = {}  # a patient stands in several rows, and is kept once
    return lambda cell: column.append(texts.setdefault(cell, _named(cell)))


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _share(cell: str) -> float:
    value = float(cell)
    if not 0 <= value <= 1:
        raise ValueError(cell)
    return value


def _class(cell: str) -> int:
    if cell not in _CLASSES:
        raise ValueError(cell)
    return _CLASSES[cell]


def _named(cell: str) -> str:
    if not cell:
        raise ValueError(cell)
    return cell


def _fault(row: Sequence[str], header: Sequence[str], places: Mapping[str, int]) -> str:
    """What is wrong with a row, found again at leisure."""
    if len(row) < len(header):
        return f"expected {len(header)} cells ({', '.join(header)}), got {len(row)}"
    for name, place in places.items():
        try:
            _adder(name, [])(row[place])
        except ValueError:
            return _expected(name, row[place])
    raise AssertionError(row)


def _expected(name: str, cell: str) -> str:
    if name in ("label", "decision"):
        return f"{name} must be 0 (normal) or 1 (abnormal), got {cell!r}"
    if name == "probability":
        return f"probability must be a number from 0 to 1, got {cell!r}"
    if name in _NUMBERS:
        return f"{name} must be a finite number, got {cell!r}: score the image again, or leave it out everywhere"
    return f"{name} is empty{_MENDS.get(name, '')}"


def _check_whole(path: Path, columns: Mapping[str, Any]) -> None:
    images = columns["image"]
    if not images:
        raise InputError(f"{path} has no rows: give one image a line")
    if len(set(images)) == len(images):
        return
    seen: set[str] = set()
    for i, image in enumerate(images):
        if image in seen:
            raise InputError(f"{path}: {image} stands there again in row {i + 1}: keep one score an image")
        seen.add(image)
