"""A file that lists images to be scored: a MONAI datalist, a table with a column ``image``, or one path a line."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai.config import PathLike

from imgae_monai.data.datalist_file import FALLBACKS, SECTIONS
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.exceptions import InputError

LIST_SUFFIXES = (".json", ".csv", ".txt")
KNOWN = ("label", "patient_id", "split")


def is_image_list(path: PathLike) -> bool:
    """Whether a path names a file that lists images, by its suffix."""
    return str(path).lower().endswith(LIST_SUFFIXES)


def read_image_list(path: PathLike) -> list[dict[str, Any]]:
    """Read a list of images to be scored. Nothing of them is opened, and a label is not asked for.

    Args:
        path: ``.json``, a MONAI datalist (sections, or one list; an item is a path or an object with ``image``);
            ``.csv`` with a column ``image``, as ``predict`` and ``evaluate`` write them; or ``.txt``, one path a line.
            Paths start at the list's folder.

    Returns:
        dicts with ``image`` (absolute path or reference) and, where the list tells them, ``label`` (0 or 1),
        ``patient_id`` and ``split``.

    Raises:
        InputError: when the file can't be read or is no such list; names the place in it.
    """
    path = Path(os.path.abspath(path))
    reader = {".json": _json_entries, ".csv": _csv_entries, ".txt": _lines}[path.suffix.lower()]
    try:
        entries = list(reader(path))
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror}") from e
    except (UnicodeDecodeError, json.JSONDecodeError, csv.Error) as e:
        raise InputError(f"{path} is not a readable list of images: {e}") from e
    if not entries:
        raise InputError(f"{path} lists no images")
    return [_item(path, place, entry) for place, entry in entries]


def _json_entries(path: Path) -> Iterator[tuple[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, list):
        yield from ((f"item {i}", entry) for i, entry in enumerate(content))
        return
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a datalist with sections {list(SECTIONS)} or one list, got {content!r}")
    for section, entries in content.items():
        if not isinstance(entries, list) or section == FALLBACKS:
            continue
        if section not in SECTIONS:
            raise InputError(f"{path} has the section {section!r}, expected {list(SECTIONS)}: rename or remove it")
        for i, entry in enumerate(entries):
            yield (
                f"{section} {i}",
                {**(entry if isinstance(entry, dict) else {"image": entry}), "split": SECTIONS[section]},
            )


def _csv_entries(path: Path) -> Iterator[tuple[str, Any]]:
    with open(path, newline="", encoding="utf-8-sig") as f:  # spreadsheets put a byte order mark first
        rows = csv.DictReader(f)
        if "image" not in (rows.fieldnames or ()):
            raise InputError(f"{path} has no column 'image', found {rows.fieldnames}")
        for row in rows:
            yield f"line {rows.line_num}", {key: row[key] for key in ("image", *KNOWN) if row.get(key)}


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip():
            yield f"line {number}", line.strip()


def _item(path: Path, place: str, entry: Any) -> dict[str, Any]:
    where = f"{path}, {place}"
    entry = {"image": entry} if isinstance(entry, str) else entry
    image = entry.get("image") if isinstance(entry, dict) else None
    if not isinstance(image, str) or not image:
        raise InputError(f"{where}: expected a path, or an object whose 'image' is one, got {entry!r}")
    if is_streamed(image):
        raise InputError(f"{where}: {image} is of a stream, which has no file to be scored; give files")
    item: dict[str, Any] = {"image": os.path.normpath(os.path.join(path.parent, os.path.expanduser(image)))}
    label = entry.get("label")
    if label is not None:
        if label not in (0, 1, "0", "1"):
            raise InputError(f"{where} ({image}): label must be 0 (normal), 1 (abnormal) or left out, got {label!r}")
        item["label"] = int(label)
    for key in ("patient_id", "split"):
        if entry.get(key) is not None:
            item[key] = str(entry[key])
    return item
