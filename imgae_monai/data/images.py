"""Files and folders given to ``predict`` as a list of images."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike
from monai.utils import ensure_tuple

from imgae_monai.data.folder import foreign_images, image_files
from imgae_monai.data.image_list import KNOWN, is_image_list, read_image_list
from imgae_monai.data.image_reader import SUFFIXES, read_image
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.sources import SYNTHETIC_MARKER
from imgae_monai.data.volumes import expand_volumes
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


def image_items(
    paths: Sequence[PathLike] | PathLike, slice_axis: int | None = None, slice_fraction: float = 1.0
) -> list[dict[str, Any]]:
    """List images with what is known of them, each once: folders searched to any depth, lists read.

    Args:
        paths: files, references into one (see :py:mod:`imgae_monai.data.image_reference`), folders, and files that
            list images (see :py:func:`imgae_monai.data.read_image_list`).
        slice_axis: turn NIfTI volumes into slices, see :py:func:`imgae_monai.data.expand_volumes`.
        slice_fraction: as there.

    Returns:
        dicts with ``image`` (path or reference) and, where a list tells them, ``label``, ``patient_id`` and ``split``;
        in the order given, folders sorted.

    Raises:
        InputError: when a path doesn't exist or nothing is found, a list names an image twice with another label,
            patient or split, or an argument or volume is wrong. Whether a listed image exists is not looked at.
    """
    found: dict[str, dict[str, Any]] = {}
    n_again = 0
    for entry in ensure_tuple(paths):
        for item in _entry_items(Path(os.path.normpath(Path(entry).expanduser()))):
            known = found.setdefault(item["image"], item)
            if known is item:
                continue
            n_again += 1
            differing = [key for key in KNOWN if key in item and known.get(key, item[key]) != item[key]]
            if differing:
                raise InputError(
                    f"{item['image']} is listed twice, with {differing[0]} {known[differing[0]]!r} and "
                    f"{item[differing[0]]!r}: leave one"
                )
            known |= item
    if not found:
        raise InputError(f"no images ({', '.join(SUFFIXES)}) under {[str(p) for p in ensure_tuple(paths)]}")
    if n_again:
        logger.warning("%d image(s) are named more than once: each is scored once", n_again)
    return expand_volumes(list(found.values()), slice_axis, slice_fraction)


def _entry_items(path: Path) -> list[dict[str, Any]]:
    if not split_reference(path)[0].exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir():
        foreign = foreign_images(path)
        if foreign:
            logger.warning(
                "%s: %d file(s) are left out, their type is not read: %s ...", path, len(foreign), foreign[0]
            )
        return [{"image": str(file)} for file in image_files(path)]
    return read_image_list(path) if is_image_list(path) else [{"image": str(path)}]


def list_images(
    paths: Sequence[PathLike] | PathLike, slice_axis: int | None = None, slice_fraction: float = 1.0
) -> list[dict[str, Any]]:
    """As :py:func:`image_items`, of dicts with ``image`` and ``image_path`` only (both the path or reference)."""
    items = image_items(paths, slice_axis, slice_fraction)
    return [{"image": item["image"], "image_path": item["image"]} for item in items]


def split_readable(
    paths: Sequence[PathLike], window: str = "auto", spatial_dims: int | None = None
) -> tuple[list[str], dict[str, str]]:
    """Try to decode every image among files and folders.

    Args:
        paths: files, files that list images, and folders; of a folder, images of a type that is not read are named too,
            other files are not.
        window: as it will be read, see :py:func:`imgae_monai.data.read_image`.
        spatial_dims: number of axes that the network takes, None for any; volumes that will be sliced want None.

    Returns:
        the readable files, and for each other path the reason.
    """
    readable: list[str] = []
    refused: dict[str, str] = {}
    for entry in paths:
        path = Path(entry).expanduser()
        found = _candidates(path)
        if not found:
            refused[str(path)] = f"cannot read {path}: the folder holds no images ({', '.join(SUFFIXES)})"
        for file in found:
            try:
                read_image(file, window, spatial_dims)
            except InputError as e:
                refused[str(file)] = str(e)
            else:
                readable.append(str(file))
    return list(dict.fromkeys(readable)), refused


def _candidates(path: Path) -> list[Path]:
    if path.is_dir():
        return [*image_files(path), *foreign_images(path)]
    if is_image_list(path) and path.is_file():
        return [Path(item["image"]) for item in read_image_list(path)]
    return [path]


def is_synthetic(path: PathLike) -> bool:
    """Whether a file lies in a folder of drawn phantoms (at any depth)."""
    return any((folder / SYNTHETIC_MARKER).is_file() for folder in Path(path).resolve().parents)
