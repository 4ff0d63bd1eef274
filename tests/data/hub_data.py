"""Small Parquet and Arrow data sets in which every image's pixels tell its row."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def png(value: int, size: int = 4) -> bytes:
    """A flat PNG; values from 256 on differ in one corner."""
    pixels = np.full((size, size), value % 256, dtype=np.uint8)
    pixels[0, 0] = value // 256
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(labels: list, first: int = 0, names: list[str] | None = None, patients: list[str] | None = None):
    """A ``datasets.Dataset`` of one image a label; ``names`` makes the labels a ClassLabel."""
    import datasets

    label = datasets.ClassLabel(names=names) if names else datasets.Value("string")
    if labels and isinstance(labels[0], list):
        label = datasets.List(label)
    features = {"image": datasets.Image(), "label": label}
    columns = {"image": [{"bytes": png(first + i), "path": None} for i in range(len(labels))], "label": labels}
    if patients:
        features["patient_id"] = datasets.Value("string")
        columns["patient_id"] = patients
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


def write_shards(folder: Path, split: str, data, n_shards: int, batch: int = 3) -> None:
    """Parquet shards as the hub names them, with row groups of ``batch`` rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(n_shards):
        shard = data.shard(n_shards, k, contiguous=True)
        shard.to_parquet(folder / f"{split}-{k:05d}-of-{n_shards:05d}.parquet", batch_size=batch)


def study(folder: Path, n_train: int = 23, n_shards: int = 5) -> Path:
    """Training images 0, 1, ... of two a patient, and eight test images 100, 101, ... of either class in turn."""
    names = ["Normal", "Ill"]
    train = table([0] * n_train, 0, names, [f"train{i // 2}" for i in range(n_train)])
    write_shards(folder / "data", "train", train, n_shards)
    write_shards(folder / "data", "test", table([0, 1] * 4, 100, names, [f"test{i}" for i in range(8)]), 1)
    return folder
