"""The normal images of a run, from the list that training left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from imgae_monai.exceptions import InputError


def validation_items(
    folder: Path, ckpt_dir: Path, n_images: int = 0, seed: int = 0
) -> tuple[list[dict[str, Any]], bool]:
    """List normal validation images; no file of theirs or of another split is opened.

    Args:
        folder: of the run; images that its ``train.json`` lists as skipped are left out.
        ckpt_dir: of its checkpoints, with ``datalist.json``.
        n_images: so many or a few more (whole patients, drawn by the seed); 0 for all.
        seed: of that draw.

    Returns:
        dicts with ``image``, ``image_path``, ``patient_id`` and ``sha256``; and whether they are drawn phantoms.

    Raises:
        InputError: when the list is missing.
    """
    items, synthetic = _listed(folder, ckpt_dir, "validation")
    return _whole_patients(items, n_images, seed) if n_images else items, synthetic


def training_items(folder: Path, ckpt_dir: Path) -> list[dict[str, Any]]:
    """The same of the images that the run was trained on.

    Raises:
        InputError: when the list is missing.
    """
    return _listed(folder, ckpt_dir, "training")[0]


def _listed(folder: Path, ckpt_dir: Path, part: str) -> tuple[list[dict[str, Any]], bool]:
    path = ckpt_dir / "datalist.json"
    if not path.is_file():
        raise InputError(f"{folder} has no {path.relative_to(folder)}: give the folder of a run that train left")
    listed = json.loads(path.read_text(encoding="utf-8"))
    record = folder / "train.json"
    training = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    skipped = {entry["path"] for entry in training.get("skipped_images", [])}
    items = [
        {"image": i["image"], "image_path": i["image"], "patient_id": str(i["patient_id"]), "sha256": i["sha256"]}
        for i in listed[part]
        if i["label"] == 0 and i["image"] not in skipped
    ]
    return items, bool(listed.get("synthetic"))


def _whole_patients(items: list[dict[str, Any]], n_images: int, seed: int) -> list[dict[str, Any]]:
    def place(patient: str) -> bytes:
        return hashlib.sha256(f"{seed}/selected/{patient}".encode()).digest()

    chosen: set[str] = set()
    n_chosen = 0
    for patient in sorted({item["patient_id"] for item in items}, key=place):
        if n_chosen >= n_images:
            break
        chosen.add(patient)
        n_chosen += sum(item["patient_id"] == patient for item in items)
    return [item for item in items if item["patient_id"] in chosen]
