"""``large_files.yml``: where the files of a bundle are that are too large to come with it.

The form is the MONAI Model Zoo's, and what ``python -m monai.bundle download_large_files`` reads::

    large_files:
      - path: "models/model.pt"
        url: "https://example.org/unet_autoencoder/model.pt"
        hash_val: "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
        hash_type: "sha256"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import yaml

from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.exceptions import InputError

NAMES = ("large_files.yml", "large_files.yaml", "large_files.json")
_KEYS = ("path", "url", "hash_val", "hash_type")
_HASHES = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


@dataclass(frozen=True)
class LargeFile:
    """One file: its path within the bundle, where it is, and its hash (None where none is told)."""

    path: str
    url: str
    hash_val: str | None = None
    hash_type: str = "sha256"


def read_large_files(bundle: Path) -> list[LargeFile] | None:
    """Read what a bundle's ``large_files.yml`` (or ``.yaml``, ``.json``) lists; None where there is no such file.

    Args:
        bundle: the bundle's folder.

    Raises:
        InputError: when it is not of the zoo's form.
    """
    found = [bundle / name for name in NAMES if (bundle / name).is_file()]
    if not found:
        return None
    if len(found) > 1:  # MONAI would read only one of them
        raise InputError(f"{found[0].name} and {found[1].name} are both there: leave one")
    path = found[0]
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as e:
        raise InputError(f"{path.name} can't be read: {e}") from e
    listed = content.get("large_files") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise InputError(f"{path.name} should have a list under the key large_files, got {content!r}")
    return [_read(entry, path.name, bundle) for entry in listed]


def _read(entry: object, name: str, bundle: Path) -> LargeFile:
    if not isinstance(entry, dict) or not {"path", "url"} <= entry.keys() <= set(_KEYS):
        raise InputError(f"{name}: an entry should have path and url, and may have hash_val and hash_type: {entry!r}")
    given = {key: value for key, value in entry.items() if value not in ("", None)}  # the zoo's template has ""
    if not all(isinstance(value, str) for value in given.values()) or not {"path", "url"} <= given.keys():
        raise InputError(f"{name}: path, url, hash_val and hash_type should be texts: {entry!r}")
    file = LargeFile(**given)
    if not (bundle / file.path).resolve().is_relative_to(bundle.resolve()):
        raise InputError(f"{name}: path {file.path!r} leaves the bundle")
    if file.hash_type not in _HASHES:
        raise InputError(f"{name}: hash_type should be one of {', '.join(_HASHES)}, got {file.hash_type!r}")
    if file.hash_val is not None and len(file.hash_val) != _HASHES[file.hash_type]:
        raise InputError(
            f"{name}: hash_val of {file.path} should have {_HASHES[file.hash_type]} digits ({file.hash_type}), "
            f"got {len(file.hash_val)}"
        )
    return file


def write_large_files(bundle: Path, paths: Iterable[str], base_url: str) -> Path:
    """Write a bundle's ``large_files.yml`` for files that will be at ``base_url``, with their SHA-256.

    Args:
        bundle: the bundle's folder, the files in it.
        paths: the files, relative to it, as ``models/model.pt``.
        base_url: URL of the folder that will hold them, ``https://...`` or ``file:///...``, under their names.

    Returns:
        path of what was written.

    Raises:
        InputError: when a file is not there.
    """
    entries = []
    for path in paths:
        file = bundle / path
        if not file.is_file():
            raise InputError(f"{file} is not there, so that large_files.yml can't list it")
        url = f"{base_url.rstrip('/')}/{quote(PurePosixPath(path).name)}"
        entries.append({"path": path, "url": url, "hash_val": file_sha256(file), "hash_type": "sha256"})
    target = bundle / NAMES[0]
    target.write_text(yaml.safe_dump({"large_files": entries}, sort_keys=False), encoding="utf-8")
    return target
