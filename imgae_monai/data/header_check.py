"""Open every file without decoding it, so that what is no image is named before training starts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from imgae_monai.data.dicom_reader import DICOM_SUFFIXES
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.picture_reader import PICTURE_SUFFIXES
from imgae_monai.exceptions import InputError

_NPY_MARK = b"\x93NUMPY"
_GZIP_MARK = b"\x1f\x8b"


def check_headers(items: Sequence[dict[str, Any]], n_threads: int = 8) -> None:
    """Refuse files that can't be what their suffix says, without decoding their pixels.

    A picture's header is parsed; of DICOM, ``.nii.gz`` and ``.npy`` the mark at the start is looked for. What is wrong
    further on, such as a missing end, shows only in decoding: see ``imgae-monai data check``.

    Args:
        items: dicts with ``image``; examples of a stream are passed over.
        n_threads: files opened at once.

    Raises:
        InputError: naming up to five of the files with the reasons.
    """
    files = dict.fromkeys(split_reference(item["image"])[0] for item in items if not is_streamed(item["image"]))
    with ThreadPoolExecutor(n_threads) as pool:
        reasons = [reason for reason in pool.map(_refusal, files) if reason]
    if reasons:
        raise InputError(
            f"{len(reasons)} file(s) can't be read: {'; '.join(reasons[:5])}{' ...' if len(reasons) > 5 else ''}. "
            "Replace them or take them out; imgae-monai data check --fix_list writes a list without them"
        )


def _refusal(path: Path) -> str | None:
    name, suffix = path.name.lower(), path.suffix.lower()
    try:
        if suffix in PICTURE_SUFFIXES:
            Image.open(path).close()  # parses the header only
            return None
        with open(path, "rb") as f:
            start = f.read(132)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        return f"{path} ({e.strerror if isinstance(e, OSError) and e.strerror else 'its header is no picture'})"
    if suffix in DICOM_SUFFIXES and start[128:] != b"DICM":
        return f"{path} (no DICM mark at byte 128)"
    if name.endswith(".nii.gz") and not start.startswith(_GZIP_MARK):
        return f"{path} (not compressed by gzip)"
    if suffix == ".npy" and not start.startswith(_NPY_MARK):
        return f"{path} (no NumPy mark)"
    return None
