"""Hashes of files and data lists, so that a result can be traced to its input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from monai.config import PathLike

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
    """Copies of the items with the hash of each image's file under ``sha256``.

    Raises:
        InputError: when a file can't be read or is empty (all empty files have one hash, and would pass for copies).
    """
    with ThreadPoolExecutor(n_threads) as pool:
        hashes = list(pool.map(file_sha256, (item["image"] for item in items)))
    empty = hashlib.sha256().hexdigest()
    for item, sha256 in zip(items, hashes, strict=True):
        if sha256 == empty:
            raise InputError(f"cannot read {item['image']}: the file is empty (0 bytes); replace it or take it out")
    return [{**item, "sha256": sha256} for item, sha256 in zip(items, hashes, strict=True)]


def datalist_fingerprint(items: Sequence[dict[str, Any]]) -> str:
    """SHA-256 over the images' contents, labels, splits and patients; neither paths nor order matter."""
    lines = sorted(f"{i['sha256']} {i['label']} {i['split']} {i['patient_id']}" for i in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
