"""What a file holds."""

from __future__ import annotations

import io
import zipfile


def unzipped(content: bytes) -> dict[str, bytes]:
    """Content by name: of an archive's files, or of the one file that it is."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {"": content}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
