"""Compare two runs number by number."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

WEIGHTS = ("model.pt", "model_final.pt")
# what figures depend on, beside config and data; another one is a reason, not a result
_ENVIRONMENT = ("versions", "git", "n_threads", "device", "device_name", "cpu_capability")

# sections of metrics.json that hold figures; others (config, calibration) hold what figures are made with
_SECTIONS = ("optimistic", "subgroups", "localization", "no_model", "specificity_curve", "probability")


@dataclasses.dataclass(frozen=True)
class Difference:
    """What the comparison of one thing found.

    Args:
        what: what was compared.
        identical: whether there is no difference by even a bit.
        largest: largest absolute difference, None where it is no number.
        note: in words, where that says more.
    """

    what: str
    identical: bool
    largest: float | None = None
    note: str = ""


def compare_training(run: Path, again: Path) -> Iterator[Difference]:
    """Losses by epoch, weights and calibration of two finished runs."""
    a, b = (_read_json(folder / "train.json") for folder in (run, again))
    for key in ("epochs_run", "best_epoch", "batch_size", "images_per_epoch"):
        yield compare_numbers(key, a[key], b[key])
    for key in ("train_loss", "val_loss"):
        yield _compare_by_epoch(key, a[key], b[key])
    members = {path.name for folder in (run, again) for path in (folder / "models").glob("member_epoch=*.pt")}
    for name in (*WEIGHTS, *sorted(members)):
        paths = [folder / "models" / name for folder in (run, again)]
        if any(path.is_file() for path in paths):
            yield _compare_weights(name, *paths)
    for key in ("threshold", "map_limit", "pixel_threshold"):
        if key in a["calibration"]:  # of an earlier version it is not
            yield compare_numbers(f"calibration {key}", a["calibration"][key], b["calibration"].get(key))


def compare_evaluation(run: Path, again: Path) -> Iterator[Difference]:
    """Every figure of ``metrics.json``, and each image's score."""
    a, b = (_read_json(folder / "metrics.json") for folder in (run, again))
    for key in a:
        if key in _SECTIONS or (key not in _ENVIRONMENT and _is_figure(a[key])):
            yield compare_numbers(key, a[key], b.get(key))
    fingerprints = a["data_fingerprint"], b["data_fingerprint"]
    yield Difference("evaluated data", fingerprints[0] == fingerprints[1], None, "by fingerprint")
    scores = [_read_scores(folder / "scores.csv") for folder in (run, again)]
    yield compare_numbers("scores.csv", *scores)


def compare_numbers(what: str, a: Any, b: Any) -> Difference:
    """Numbers, or nested lists and dictionaries of them, None and texts among them."""
    if json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True):
        return Difference(what, True, 0.0 if _numbers(a) else None)
    x, y = _numbers(a), _numbers(b)
    both = sorted(x.keys() & y.keys())
    largest = max((abs(x[key] - y[key]) for key in both), default=None)
    missing = len(x.keys() ^ y.keys())
    note = "" if isinstance(a, list | Mapping) else f"{a} -> {b}"
    return Difference(what, False, largest, note or (f"{missing} only in one of them" if missing else ""))


def environment_differences(run: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """In what the records of two runs were made differently: versions, commit, threads, processor, device."""
    flat = [
        {f"{key} {part}".strip(): value for key in _ENVIRONMENT for part, value in _parts(record.get(key))}
        for record in (run, again)
    ]
    names = [name for name in {**flat[0], **flat[1]} if flat[0].get(name) != flat[1].get(name)]
    return [f"{name}: {flat[0].get(name)} -> {flat[1].get(name)}" for name in names]


def _parts(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else [("", value)]


def _compare_by_epoch(what: str, a: list[list[float]], b: list[list[float]]) -> Difference:
    found = compare_numbers(what, dict(map(tuple, a)), dict(map(tuple, b)))  # type: ignore[arg-type]
    first = next((int(x[0]) for x, y in zip(a, b, strict=False) if x != y), None)
    if first is not None:
        return dataclasses.replace(found, note=f"first at epoch {first}")
    return found if found.identical else dataclasses.replace(found, note=f"{len(a)} -> {len(b)} epochs")


def _compare_weights(name: str, a: Path, b: Path) -> Difference:
    import torch

    what = f"weights {name}"
    if not (a.is_file() and b.is_file()):
        return Difference(what, False, None, f"{(b if a.is_file() else a)} is missing")
    first, second = (torch.load(path, map_location="cpu", weights_only=True) for path in (a, b))
    shapes = [{key: (value.shape, value.dtype) for key, value in state.items()} for state in (first, second)]
    if shapes[0] != shapes[1]:
        return Difference(what, False, None, "of another network")
    if all(torch.equal(first[key], second[key]) for key in first):
        return Difference(what, True, 0.0)
    differences = [(first[key].double() - second[key].double()).abs().max().item() for key in first]
    return Difference(what, False, math.nan if any(map(math.isnan, differences)) else max(differences))


def _numbers(value: Any, name: str = "") -> dict[str, float]:
    """Every number below a value, by its place."""
    if isinstance(value, Mapping):
        return {k: v for key, part in value.items() for k, v in _numbers(part, f"{name}/{key}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, part in enumerate(value) for k, v in _numbers(part, f"{name}/{i}").items()}
    return {name: float(value)} if isinstance(value, int | float) else {}


def _is_figure(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, int | float) and not isinstance(value, bool))
        or (isinstance(value, list) and bool(_numbers(value)))
    )


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _read_scores(path: Path) -> dict[str, dict[str, Any]]:
    with open(path, newline="", encoding="utf-8") as f:
        return {
            row["image"]: {"score": float(row["score"]), "label": row["label"], "decision": row["decision"]}
            for row in csv.DictReader(f)
        }
