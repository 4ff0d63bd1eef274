"""Read any image that a data list can name as grey values in [0, 1], or refuse it by name.

MONAI's ``LoadImage`` keeps palette codes, alpha channels and bit depths as they are and hides a reader's error behind
an installation hint; here every format has a reader of its own that ends in one grey channel, and every failure is an
:py:class:`imgae_monai.exceptions.InputError` that names the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from monai.config import PathLike
from monai.utils import look_up_option
from PIL import Image

from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.picture_reader import PICTURE_SUFFIXES, read_picture
from imgae_monai.exceptions import InputError

SUFFIXES = PICTURE_SUFFIXES
WINDOWS = ("auto", "percentile", "full")
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def read_image(image: PathLike, window: str = "auto") -> np.ndarray:
    """Read one image.

    Args:
        image: path of a file, or a reference into one, see :py:mod:`imgae_monai.data.image_reference`.
        window: how values without a nominal range become [0, 1] (DICOM, NIfTI; a picture's are divided by its bit
            depth): ``"auto"`` takes the window in a DICOM's header and elsewhere the 0.5 % and 99.5 % percentiles,
            ``"percentile"`` always those percentiles, ``"full"`` the whole range.

    Returns:
        float32 of shape (H, W), or (H, W, D) for a volume; values in [0, 1], rows first.

    Raises:
        InputError: when the file is missing, of an unknown type, empty, truncated or otherwise unreadable.
        ValueError: when ``window`` is unknown.
    """
    window = look_up_option(window, WINDOWS)
    path, fragment = split_reference(image)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"cannot read {path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"cannot read {path}: the file is empty (0 bytes); replace it or take it out")
    if suffix not in SUFFIXES:
        raise InputError(f"cannot read {path}: type {path.suffix or '(none)'!r}, expected one of {list(SUFFIXES)}")
    try:
        return _read(path, fragment, window)
    except InputError:
        raise
    except _UNREADABLE as e:
        raise InputError(f"cannot read {image}: {e}; replace it or take it out") from e


def _read(path: Path, fragment: str, window: str) -> np.ndarray:
    return read_picture(path)
