"""Folder tree ``train|val|test / normal|abnormal`` as a data list."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.data.dicom_reader import dicom_header, is_dicom, require_pydicom
from imgae_monai.data.image_reader import is_image_file
from imgae_monai.data.patients import patient_from_name
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
FOREIGN_SUFFIXES = (".tif", ".tiff", ".gz", ".mha", ".nrrd", ".img", ".npy", ".webp", ".gif", ".jp2", ".jpe", ".jfif")
_MANIFEST_FIELDS = ("patient_id", "view", "sex", "age", "finding")


def read_folder_tree(
    root: Path,
    normal_names: Sequence[str] = ("normal",),
    abnormal_names: Sequence[str] = ("abnormal",),
    patient_pattern: str | None = None,
) -> list[dict[str, Any]]:
    """List the images of a tree whose first level is the split and whose second level is the class.

    A class folder may hold pictures, DICOM files (also without a suffix) and NIfTI volumes, at any depth. A DICOM's
    header gives ``patient_id``, ``view``, ``sex`` and ``age``; a ``manifest.csv`` in ``root`` (column ``file``,
    relative to ``root``, and any of those or ``finding``) wins over it, and ``patient_pattern`` over both. Where none
    of them names the patient, the file counts as its own.

    Args:
        root: the tree's folder.
        normal_names: folder names that mean normal, any case.
        abnormal_names: folder names that mean abnormal, any case.
        patient_pattern: regular expression searched in the file's name; its first group (or the whole match) is the
            patient, as ``"(person\\d+|IM-\\d+)"``.

    Returns:
        dicts with ``image`` (path), ``label`` (0 normal, 1 abnormal), ``patient_id``, ``split``, sorted by path; and
        ``patient_known`` False where the file stands for its patient.

    Raises:
        SourceUnavailable: when there are DICOM files and pydicom is missing.
        InputError: when there is no split folder, a class folder has an unknown name, or the pattern doesn't match.
    """
    splits = [p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLIT_FOLDERS]
    if not splits:
        raise InputError(
            f"{root} has no folder named train, val or test; expected train/normal, val/normal, test/normal, "
            "test/abnormal (or NIH ChestX-ray14's layout, or a datalist .json)"
        )
    labels = {name.lower(): 0 for name in normal_names} | {name.lower(): 1 for name in abnormal_names}
    manifest = _read_manifest(root)
    items: list[dict[str, Any]] = []
    for split_folder in splits:
        for class_folder in sorted(p for p in split_folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
            if class_folder.name.lower() not in labels:
                raise InputError(
                    f"{class_folder} is neither a normal ({', '.join(normal_names)}) nor an abnormal class "
                    f"({', '.join(abnormal_names)}): name it with normal_names or abnormal_names"
                )
            for path in image_files(class_folder):
                item = {
                    "image": str(path),
                    "label": labels[class_folder.name.lower()],
                    "split": SPLIT_FOLDERS[split_folder.name.lower()],
                }
                known = manifest.get(path.relative_to(root).as_posix(), {})
                item.update(header_of(path) | {key: known[key] for key in _MANIFEST_FIELDS if known.get(key)})
                if patient_pattern is not None:
                    item["patient_id"] = patient_from_name(path, patient_pattern)
                items.append(item)
    foreign = [path for split_folder in splits for path in foreign_images(split_folder)]
    if foreign:
        logger.warning("%s: %d file(s) are left out, their type is not read: %s ...", root, len(foreign), foreign[0])
    for item in items:
        if "patient_id" not in item:
            item["patient_id"] = Path(str(item["image"])).relative_to(root).as_posix()
            item["patient_known"] = False
    return items


def image_files(folder: Path) -> list[Path]:
    """Image files in a folder at any depth, sorted, without hidden ones (``._x.png``, ``.ipynb_checkpoints``)."""
    return sorted(
        path
        for path in folder.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
        and is_image_file(path)
    )


def foreign_images(folder: Path) -> list[Path]:
    """Files in a folder that hold images of a type that is not read, sorted, so that they can be named."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in FOREIGN_SUFFIXES and path.is_file() and not is_image_file(path)
    )


def header_of(path: Path) -> dict[str, str]:
    """What a DICOM's header knows; nothing of a damaged one, which is refused when its image is read.

    Args:
        path: any file.

    Returns:
        see :py:func:`imgae_monai.data.dicom_reader.dicom_header`; empty for other files.

    Raises:
        SourceUnavailable: when pydicom is missing, rather than to take images of one patient for those of several.
    """
    if not path.is_file() or not is_dicom(path):
        return {}
    require_pydicom(path)
    try:
        return dicom_header(path)
    except InputError as e:
        logger.warning("%s", e)
        return {}


def _read_manifest(root: Path) -> dict[str, dict[str, str]]:
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8-sig") as f:  # spreadsheets put a byte order mark first
        reader = csv.DictReader(f)
        if "file" not in (reader.fieldnames or ()):
            raise InputError(f"{path} has no column 'file', found {reader.fieldnames}")
        return {row["file"]: row for row in reader}
