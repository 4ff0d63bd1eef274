"""Hashes of files and data lists, so that a result can be traced to its input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from monai.config import PathLike

from imgae_monai.data.arrow_reader import arrow_bytes
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.nifti_reader import is_nifti, slice_place
from imgae_monai.data.npy_reader import npy_row
from imgae_monai.exceptions import InputError


def file_sha256(path: PathLike) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits.

    Raises:
        InputError: when the file can't be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror}") from e
    return digest.hexdigest()


def add_hashes(items: Sequence[dict[str, Any]], n_threads: int = 8) -> list[dict[str, Any]]:
    """Copies of the items with the hash of each image under ``sha256``.

    It is of the image's file; of the encoded bytes in an Arrow cell (so that a data set has one fingerprint whether it
    is streamed or not); of one array in a ``.npy``; and of the file's hash and the place where another container holds
    several. Only an image of a stream, which was hashed as it passed, keeps the hash that its item has. NIfTI volumes
    and their slices also have the hash of the volume's file, under ``volume_sha256``.

    Raises:
        InputError: when a file can't be read or is empty (all empty files have one hash, and would pass for copies), or
            a slice's place is spelt in another way than ``axis/index``.
    """
    here = [item["image"] for item in items if not is_streamed(item["image"])]
    containers = {path for path, fragment in map(split_reference, here) if fragment}
    with ThreadPoolExecutor(n_threads) as pool:
        shared = dict(zip(containers, pool.map(_container_sha256, containers), strict=True))
        hashes = list(pool.map(lambda item: _image_sha256(item, shared), items))
    empty = hashlib.sha256().hexdigest()
    for item, sha256 in zip(items, hashes, strict=True):
        if sha256 == empty:
            raise InputError(f"cannot read {item['image']}: the file is empty (0 bytes); replace it or take it out")
    return [_with_hashes(item, sha256, shared) for item, sha256 in zip(items, hashes, strict=True)]


def _with_hashes(item: dict[str, Any], sha256: str, containers: dict[Path, str]) -> dict[str, Any]:
    own = {key: value for key, value in item.items() if key != "volume_sha256"}  # as a list told it
    path, fragment = split_reference(item["image"])
    volume = {"volume_sha256": containers[path] if fragment else sha256} if is_nifti(path) else {}
    return {**own, "sha256": sha256, **volume}


def _container_sha256(path: Path) -> str:
    return "" if path.suffix.lower() in (".npy", ".arrow") else file_sha256(path)


def _image_sha256(item: dict[str, Any], containers: dict[Path, str]) -> str:
    if is_streamed(item["image"]):
        return str(item["sha256"])
    path, fragment = split_reference(item["image"])
    if not fragment:
        return file_sha256(path)
    if path.suffix.lower() == ".arrow":
        return hashlib.sha256(arrow_bytes(path, fragment)).hexdigest()
    if path.suffix.lower() == ".npy":
        try:
            row = npy_row(path, fragment)
        except (OSError, ValueError) as e:
            raise InputError(f"cannot read {item['image']}: {e}") from e
        return hashlib.sha256(f"{row.dtype.str} {row.shape} ".encode() + row.tobytes()).hexdigest()
    if is_nifti(path):
        slice_place(path, fragment)
    return hashlib.sha256(f"{containers[path]}#{fragment}".encode()).hexdigest()


def datalist_fingerprint(items: Sequence[dict[str, Any]]) -> str:
    """SHA-256 over the images' contents, labels, splits and patients; neither paths nor order matter."""
    lines = sorted(f"{i['sha256']} {i['label']} {i['split']} {i['patient_id']}" for i in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
