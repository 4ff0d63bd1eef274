"""From whatever ``--data`` names to plain items: one small reader a source, nothing refused but what can't be read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike

from imgae_monai.data.datalist_file import read_datalist_file
from imgae_monai.data.folder import read_folder_tree
from imgae_monai.data.nih import is_nih_layout, read_nih
from imgae_monai.data.synthetic import synthetic_folder
from imgae_monai.exceptions import InputError

SYNTHETIC_SCHEME = "synthetic://"
SYNTHETIC_MARKER = "synthetic.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """What a source holds, as it is: duplicates, leaks and conflicts included.

    Args:
        items: dicts with ``image`` (path or reference, see :py:mod:`imgae_monai.data.image_reference`), ``label`` (0
            normal, 1 abnormal), ``patient_id``, ``split`` and what else the source knows (``finding``, ``view``,
            ``sex``, ``age``, ``sha256``).
        origin: the absolute path or the URI that it was read from.
        synthetic: whether the images are drawn phantoms.
    """

    items: list[dict[str, Any]]
    origin: str
    synthetic: bool = False


def read_source(
    source: PathLike,
    normal_names: Sequence[str] = ("normal",),
    abnormal_names: Sequence[str] = ("abnormal",),
    patient_pattern: str | None = None,
) -> Source:
    """Read a source.

    Args:
        source: a folder tree ``train|val|test / normal|abnormal``, a folder in NIH ChestX-ray14's layout, a MONAI
            datalist ``.json``, or ``synthetic://[?size=64&n_train=160&...]``.
        normal_names: names of the normal class's folders.
        abnormal_names: names of the abnormal classes' folders.
        patient_pattern: regular expression for the patient in a file's name, see
            :py:func:`imgae_monai.data.read_folder_tree`.

    Raises:
        InputError: when the source is missing, of an unknown kind or malformed.
    """
    text = str(source)
    is_uri = text.startswith(SYNTHETIC_SCHEME)
    root = synthetic_folder(text) if is_uri else Path(text).expanduser()
    # one spelling of a path, so that a patient of the same source is known again
    origin = text if is_uri else str(root.resolve())
    if not root.exists():
        raise InputError(f"data {source} does not exist: give a folder, a datalist .json or {SYNTHETIC_SCHEME}")
    if root.is_file():
        if root.suffix.lower() != ".json":
            raise InputError(f"data {source} is a file, expected a folder or a datalist .json")
        items = read_datalist_file(root)
        content = json.loads(root.read_text(encoding="utf-8"))
        return Source(items, origin, isinstance(content, dict) and content.get("synthetic") is True)
    if is_nih_layout(root):
        return Source(read_nih(root), origin)
    synthetic = (root / SYNTHETIC_MARKER).is_file()
    return Source(read_folder_tree(root, normal_names, abnormal_names, patient_pattern), origin, synthetic)
