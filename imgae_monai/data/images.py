"""Files and folders given to ``predict`` as a list of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike
from monai.utils import ensure_tuple

from imgae_monai.data.folder import foreign_images, image_files
from imgae_monai.data.image_reader import SUFFIXES, read_image
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.sources import SYNTHETIC_MARKER
from imgae_monai.data.volumes import expand_volumes
from imgae_monai.exceptions import InputError


def list_images(
    paths: Sequence[PathLike] | PathLike, slice_axis: int | None = None, slice_fraction: float = 1.0
) -> list[dict[str, Any]]:
    """List images, folders searched to any depth, each file once.

    Args:
        paths: files, references into one (see :py:mod:`imgae_monai.data.image_reference`), and folders.
        slice_axis: turn NIfTI volumes into slices, see :py:func:`imgae_monai.data.expand_volumes`.
        slice_fraction: as there.

    Returns:
        dicts with ``image`` and ``image_path`` (both the path or reference), in the order given, folders sorted.

    Raises:
        InputError: when a path doesn't exist or nothing is found, or an argument or volume is wrong.
    """
    found: dict[str, None] = {}
    for entry in ensure_tuple(paths):
        path = Path(entry).expanduser()
        if not split_reference(path)[0].exists():
            raise InputError(f"{path} does not exist")
        files = image_files(path) if path.is_dir() else [path]
        found.update(dict.fromkeys(str(file) for file in files))
    if not found:
        raise InputError(f"no images ({', '.join(SUFFIXES)}) under {[str(p) for p in ensure_tuple(paths)]}")
    items = expand_volumes([{"image": path} for path in found], slice_axis, slice_fraction)
    return [{"image": item["image"], "image_path": item["image"]} for item in items]


def split_readable(
    paths: Sequence[PathLike], window: str = "auto", spatial_dims: int | None = None
) -> tuple[list[str], dict[str, str]]:
    """Try to decode every image among files and folders.

    Args:
        paths: files and folders; of a folder, images of a type that is not read are named too, other files are not.
        window: as it will be read, see :py:func:`imgae_monai.data.read_image`.
        spatial_dims: number of axes that the network takes, None for any; volumes that will be sliced want None.

    Returns:
        the readable files, and for each other path the reason.
    """
    readable: list[str] = []
    refused: dict[str, str] = {}
    for entry in paths:
        path = Path(entry).expanduser()
        found = [*image_files(path), *foreign_images(path)] if path.is_dir() else [path]
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


def is_synthetic(path: PathLike) -> bool:
    """Whether a file lies in a folder of drawn phantoms (at any depth)."""
    return any((folder / SYNTHETIC_MARKER).is_file() for folder in Path(path).resolve().parents)
