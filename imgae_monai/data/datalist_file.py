"""A MONAI datalist JSON as a data list, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.folder import header_of
from imgae_monai.data.patients import to_patient
from imgae_monai.data.regions import check_regions
from imgae_monai.data.volumes import volume_of
from imgae_monai.exceptions import InputError

if TYPE_CHECKING:
    from imgae_monai.data.datalist import Datalist

SECTIONS = {"training": "train", "validation": "val", "test": "test"}
FALLBACKS = "fallbacks"


def read_datalist_file(path: Path) -> list[dict[str, Any]]:
    """Read a datalist: sections ``training``, ``validation``, ``test``, or one list whose items have a ``split``.

    Args:
        path: JSON file. Relative image paths start at its folder. Every item has ``image`` and ``label`` (0 or 1), and
            may have ``patient_id``; without it a DICOM's header is asked, and else the path (of a slice, its volume's)
            stands for the patient. ``patient_known`` false says that ``patient_id`` is such a stand-in. ``boxes`` and
            ``mask`` (a path, as the image's) say where it is abnormal, see
            :py:func:`imgae_monai.data.regions.check_regions`.

    Returns:
        dicts with ``image`` (path), ``label``, ``patient_id``, ``split`` and whatever else an item has; and
        ``patient_known`` False where the patient is not known.

    Raises:
        InputError: when the file is not such a list; the message names the item.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{path} is not valid JSON: {e}") from e
    if isinstance(content, dict):
        lists = [key for key, value in content.items() if isinstance(value, list) and value]
        stray = [key for key in lists if key not in (*SECTIONS, FALLBACKS)]
        if stray:
            raise InputError(f"{path} has the section(s) {stray}, expected {list(SECTIONS)}: rename or remove them")
        entries = [
            {**entry, "split": split} if isinstance(entry, dict) else entry
            for section, split in SECTIONS.items()
            for entry in _section(path, content, section)
        ]
    else:
        entries = content
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path} has no items: expected sections {list(SECTIONS)} or one list of items")
    items = [_check_item(path, i, entry) for i, entry in enumerate(entries)]
    for item, entry in zip(items, entries, strict=True):
        if item["patient_id"] is None:
            item["patient_id"] = volume_of(item["image"]) or entry["image"]
            item["patient_known"] = False
    return items


def _section(path: Path, content: dict[str, Any], section: str) -> list[Any]:
    entries = content.get(section, [])
    if not isinstance(entries, list):
        raise InputError(f"{path}, section {section!r}: expected a list of items, got {entries!r}")
    return entries


def _check_item(path: Path, index: int, entry: Any) -> dict[str, Any]:
    where = f"{path}, item {index}"
    if not isinstance(entry, dict) or "image" not in entry:
        raise InputError(f"{where}: expected an object with 'image' and 'label', got {entry!r}")
    if not isinstance(entry["image"], str):
        raise InputError(f"{where}: image must be one path, got {entry['image']!r}")
    if entry.get("label") not in (0, 1):
        raise InputError(
            f"{where} ({entry['image']}): label must be 0 (normal) or 1 (abnormal), got {entry.get('label')!r}"
        )
    if entry.get("split") not in SECTIONS.values():
        raise InputError(f"{where} ({entry['image']}): split must be train, val or test, got {entry.get('split')!r}")
    image = entry["image"] if is_streamed(entry["image"]) else str((path.parent / entry["image"]).resolve())
    if is_streamed(image) and not isinstance(entry.get("sha256"), str):
        raise InputError(f"{where} ({image}): an image of a stream is known by its sha256, which is missing")
    if not isinstance(entry.get("patient_known", True), bool):
        raise InputError(f"{where} ({image}): patient_known must be true or false, got {entry['patient_known']!r}")
    check_regions(entry, f"{where} ({image})")
    mask = {"mask": str((path.parent / entry["mask"]).resolve())} if entry.get("mask") else {}
    patient_id = to_patient(entry.get("patient_id"))
    if patient_id is None:
        patient_id = header_of(Path(image)).get("patient_id")
    return {
        **entry,
        "image": image,
        "label": int(entry["label"]),
        "patient_id": patient_id,
        **mask,
    }


def write_datalist_file(path: Path, datalist: Datalist) -> None:
    """Write a data list in MONAI's form, readable by :py:func:`read_datalist_file` and ``load_decathlon_datalist``.

    Args:
        path: JSON file to write.
        datalist: the data; its source, whether it is synthetic and what it fell back from are kept beside the sections.
    """
    content: dict[str, Any] = {"source": datalist.source, "synthetic": datalist.synthetic}
    if datalist.fallbacks:
        content[FALLBACKS] = list(datalist.fallbacks)
    for section, split in SECTIONS.items():
        chosen = [item for item in datalist.items if item["split"] == split]
        content[section] = [{key: value for key, value in item.items() if key != "split"} for item in chosen]
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
