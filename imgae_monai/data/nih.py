"""NIH ChestX-ray14 in its own layout as a data list.

Source: Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks", CVPR 2017.
"""

from __future__ import annotations

import csv
import logging
from collections import defaultdict
from pathlib import Path
from typing import Any

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

DATA_ENTRY = "Data_Entry_2017*.csv"
BOXES = "BBox_List_2017.csv"
NORMAL_LABEL = "No Finding"
_BOX_FINDINGS = {"Infiltrate": "Infiltration"}  # the release spells it otherwise in its labels
_RELEASE_SIZE = 1024  # pixels of the release, which the boxes are in whatever size the images here have
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position")


def is_nih_layout(root: Path) -> bool:
    """Whether ``root`` holds NIH's ``Data_Entry_2017`` table."""
    return any(root.glob(DATA_ENTRY))


def read_nih(root: Path) -> list[dict[str, Any]]:
    """List the images of NIH ChestX-ray14 with the official split by patient.

    Normal is a finding label of exactly ``No Finding``. Images of ``train_val_list.txt`` that are not normal are left
    out, since training and validation see normal images only; those of ``test_list.txt`` are all kept. Listed images
    that are not on disk (a partial download) are left out with a warning.

    Args:
        root: folder with ``Data_Entry_2017.csv``, ``train_val_list.txt``, ``test_list.txt`` and ``images/`` or
            ``images_001/images/`` to ``images_012/images/``; ``BBox_List_2017.csv`` is read where it is present.

    Returns:
        dicts with ``image`` (path), ``label`` (0 normal, 1 abnormal), ``patient_id``, ``split`` (``train``, ``test``),
        ``finding``, ``view``, ``sex``, ``age``, and where there are any ``boxes``: dicts with ``finding`` and ``box``
        ``[x, y, width, height]`` of the upper left corner, as shares of the image's width and height.

    Raises:
        InputError: when a table, a list or a column is missing, or none of the listed images is on disk.
    """
    table = sorted(root.glob(DATA_ENTRY))[0]
    with open(table, newline="", encoding="utf-8-sig") as f:
        reader = csv.DictReader(f)
        missing = [c for c in _COLUMNS if c not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{table} lacks the column(s) {missing}: is it NIH's Data_Entry_2017.csv?")
        rows = {row["Image Index"]: row for row in reader}
    on_disk = {p.name: p for folder in _image_folders(root) for p in folder.iterdir() if p.is_file()}
    boxes = _read_boxes(root / BOXES)
    items: list[dict[str, Any]] = []
    n_listed = n_abnormal_train = 0
    for split, list_name in (("train", "train_val_list.txt"), ("test", "test_list.txt")):
        for name in _read_list(root / list_name):
            n_listed += 1
            if name not in rows:
                raise InputError(f"{root / list_name} lists {name}, which {table} does not have")
            if name not in on_disk:
                continue
            item = _to_item(rows[name], on_disk[name], split)
            if name in boxes:
                item["boxes"] = boxes[name]
            if split == "train" and item["label"]:
                n_abnormal_train += 1
            else:
                items.append(item)
    if not items:
        raise InputError(f"none of the {n_listed} listed images is under {root}/images or {root}/images_001/images ...")
    n_absent = n_listed - len(items) - n_abnormal_train
    if n_absent:
        logger.warning("%s: %d of %d listed images are not on disk and are left out", root, n_absent, n_listed)
    if n_abnormal_train:
        logger.info("%s: %d abnormal images of train_val_list.txt are left out", root, n_abnormal_train)
    return items


def _image_folders(root: Path) -> list[Path]:
    folders = [root / "images", *sorted(root.glob("images_*/images"))]
    found = [folder for folder in folders if folder.is_dir()]
    if not found:
        raise InputError(f"{root} has neither images/ nor images_001/images/ ...")
    return found


def _read_list(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"{path} is missing: it is part of NIH's release and keeps patients apart")
    return path.read_text(encoding="utf-8").split()


def _read_boxes(path: Path) -> dict[str, list[dict[str, Any]]]:
    if not path.is_file():
        return {}
    boxes = defaultdict(list)
    with open(path, newline="", encoding="utf-8-sig") as f:
        rows = csv.reader(f)
        if next(rows, [])[:2] != ["Image Index", "Finding Label"]:
            raise InputError(f"{path} does not start with 'Image Index,Finding Label': is it NIH's {BOXES}?")
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            try:
                x, y, w, h = (float(value) / _RELEASE_SIZE for value in row[2:6])
            except ValueError:
                raise InputError(
                    f"{path}, line {number}: expected a box x, y, w, h in pixels, got {row[2:6]}"
                ) from None
            if not (0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 and 0 < h <= 1):
                raise InputError(f"{path}, line {number}: the box {row[2:6]} is not within 1024 x 1024 pixels")
            boxes[row[0]].append({"finding": _BOX_FINDINGS.get(row[1], row[1]), "box": [x, y, w, h]})
    return dict(boxes)


def _to_item(row: dict[str, str], path: Path, split: str) -> dict[str, Any]:
    return {
        "image": str(path),
        "label": int(row["Finding Labels"] != NORMAL_LABEL),
        "patient_id": row["Patient ID"],
        "split": split,
        "finding": row["Finding Labels"],
        "view": row["View Position"],
        "sex": row["Patient Gender"],
        "age": row["Patient Age"],
    }
