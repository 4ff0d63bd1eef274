"""A bundle's metadata."""

from __future__ import annotations

import importlib.util
import re
import socket
from pathlib import Path
from urllib.error import HTTPError

from imgae_monai.data.cache_folder import cache_folder
from imgae_monai.exceptions import InputError
from imgae_monai.verify.subject import Skipped, Subject

_SECONDS = 30.0  # for a connection
_GONE = (404, 410)


def check_version(subject: Subject) -> str:
    """The version is told and has a line in the changelog; what the zoo installs is told as versions that pip takes.

    Raises:
        InputError: when one is not so.
    """
    metadata = subject.metadata
    for key in ("version", "changelog"):
        if key not in metadata:
            raise InputError(f"configs/metadata.json has no {key}")
    version = metadata["version"]
    if version not in metadata["changelog"]:
        raise InputError(f"the changelog of configs/metadata.json has no line for version {version}")
    named = {key: metadata.get(key) for key in ("monai_version", "pytorch_version", "numpy_version")}
    for name, wanted in (named | metadata.get("required_packages_version", {})).items():
        if not isinstance(wanted, str) or not re.fullmatch(r"\d+(\.\d+)*((a|b|rc|\.post|\.dev)\d+)?", wanted):
            raise InputError(f"configs/metadata.json: {name} should be a version as 1.2.3, got {wanted!r}")
    return str(version)


def check_schema(subject: Subject) -> str:
    """MONAI's own ``verify_metadata``: the metadata fit the schema that they name.

    The schema is the copy that was given, or is downloaded once and kept in the user's cache.

    Raises:
        Skipped: when there is no copy and the schema can't be had.
        InputError: when jsonschema is not installed, or there is no such schema.
        ValueError: MONAI's, when the metadata don't fit; says where.
    """
    from monai.bundle import verify_metadata

    if importlib.util.find_spec("jsonschema") is None:  # without it MONAI fails with another fault
        raise InputError("jsonschema is not installed, which this check takes: pip install 'imgae_monai[verify]'")
    url = subject.metadata.get("schema", "")
    name = url.rsplit("/", 1)[-1]
    given = subject.schema if subject.schema is not None and subject.schema.name == name else None
    schema: Path = given or cache_folder() / "schemas" / name
    before = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(_SECONDS)
        verify_metadata(meta_file=str(subject.meta_file), filepath=str(schema))
    except OSError as e:
        if isinstance(e, HTTPError) and e.code in _GONE:
            raise InputError(f"configs/metadata.json names a schema that is not there: {url} ({e})") from e
        raise Skipped(f"no copy of {name}, and it can't be had: {e}") from e
    finally:
        socket.setdefaulttimeout(before)
    return name
