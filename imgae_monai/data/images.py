"""Files and folders given to ``predict`` as a list of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike
from monai.utils import ensure_tuple

from imgae_monai.data.folder import image_files
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.load_grayscale import SUFFIXES, LoadGrayscale


def list_images(paths: Sequence[PathLike] | PathLike) -> list[dict[str, Any]]:
    """List images, folders searched to any depth, each file once.

    Args:
        paths: files and folders.

    Returns:
        dicts with ``image`` and ``image_path`` (both the path), in the order given, folders sorted.

    Raises:
        InputError: when a path doesn't exist or nothing is found.
    """
    found: dict[str, None] = {}
    for entry in ensure_tuple(paths):
        path = Path(entry).expanduser()
        if not path.exists():
            raise InputError(f"{path} does not exist")
        files = image_files(path) if path.is_dir() else [path]
        found.update(dict.fromkeys(str(file) for file in files))
    if not found:
        raise InputError(f"no images ({', '.join(SUFFIXES)}) under {[str(p) for p in ensure_tuple(paths)]}")
    return [{"image": path, "image_path": path} for path in found]


def split_readable(items: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Try to decode every image.

    Returns:
        the readable items, and for each other path the reason.
    """
    load = LoadGrayscale()
    readable, refused = [], {}
    for item in items:
        try:
            load(item["image"])
        except InputError as e:
            refused[item["image"]] = str(e)
        else:
            readable.append(item)
    return readable, refused
