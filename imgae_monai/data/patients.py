"""Which patient an image is of, where a source does not say so outright.

An item whose patient is not known has ``patient_known`` False, and a stand-in as its ``patient_id``: its own place, or
its volume's path. Every other item lacks the key.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.volumes import volume_of
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_BLANK = ("", "nan", "none", "null", "<na>")  # what tables write for a missing value


def patient_known(item: dict[str, Any]) -> bool:
    """Whether an item's ``patient_id`` is a patient, and no stand-in for an unknown one."""
    return bool(item.get("patient_known", True))


def to_patient(value: Any) -> str | None:
    """A table's value as a patient's name, None where it is missing.

    Example:
        >>> to_patient("p7"), to_patient(7.0), to_patient(float("nan")), to_patient("None")
        ('p7', '7', None, None)
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None if text.strip().lower() in _BLANK else text


def patient_from_name(path: Path, pattern: str) -> str:
    """What a regular expression finds in a file's name: its first group, or the whole match.

    Raises:
        InputError: when it is no regular expression, or does not match.

    Example:
        >>> patient_from_name(Path("x/person12_virus_3.png"), r"person(\\d+)")
        '12'
    """
    try:
        match = re.search(pattern, path.name)
    except re.error as e:
        raise InputError(f"patient_pattern {pattern!r} is not a regular expression: {e}") from e
    if match is None:
        raise InputError(f"patient_pattern {pattern!r} does not match the file name {path.name!r} ({path})")
    return match.group(1) if match.re.groups else match.group(0)


def name_patients(items: Sequence[dict[str, Any]], pattern: str, every: bool = False) -> list[dict[str, Any]]:
    """Name the unknown patients by the images' file names.

    Args:
        items: dicts with ``image``, ``patient_id``, and ``patient_known`` where it is not.
        pattern: see :py:func:`patient_from_name`.
        every: name the known patients too.

    Returns:
        a new list in the same order.

    Raises:
        InputError: when the pattern does not match, or an image has no file name, as a table's row has none.
    """
    if not every and all(map(patient_known, items)):
        logger.warning("patient_pattern %r names nobody: the source tells every image's patient itself", pattern)
    named = []
    for item in items:
        if patient_known(item) and not every:
            named.append(dict(item))
            continue
        path, fragment = split_reference(item["image"])
        if is_streamed(item["image"]) or (fragment and not volume_of(item["image"])):
            raise InputError(
                f"patient_pattern {pattern!r} cannot name the patient of {item['image']}, a row of a table, which has "
                "no file name: leave patient_pattern out (a Parquet or Arrow table may have a column of patients)"
            )
        rest = {key: value for key, value in item.items() if key != "patient_known"}
        named.append({**rest, "patient_id": patient_from_name(path, pattern)})
    return named
