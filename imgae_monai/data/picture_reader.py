"""Read a picture file (PNG, JPEG, BMP) as one grey channel in [0, 1], whatever its mode and bit depth."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import IO

import numpy as np
from monai.data import PILReader
from PIL import Image

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MAX_PIXELS = 100_000_000  # 10,000 x 10,000, four times the largest X-ray detector's; more is a damaged header or a bomb
_UINT16_MAX = 65535
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def to_unit_grayscale(image: Image.Image) -> Image.Image:
    """Convert a PIL image of any mode to mode ``F`` with values in [0, 1], by its nominal range, not by its contents.

    8-bit modes are divided by 255 and 16-bit ones by 65535. Colour becomes luminance (ITU-R 601), a palette is looked
    up, transparency is composited on black. PIL's own ``convert("L")`` would clip every 16-bit value above 255.

    Args:
        image: any PIL image.

    Returns:
        a PIL image of mode ``F``.

    Raises:
        ValueError: when the mode has no nominal range (floating point), or an integer exceeds 16 bits.
    """
    mode = image.mode
    if mode in _WIDE_MODES:
        values = np.asarray(image).astype(np.float32)
        if values.min() < 0 or values.max() > _UINT16_MAX:
            raise ValueError(f"values span [{values.min():g}, {values.max():g}], expected 16-bit integers (0 to 65535)")
        return Image.fromarray(values / _UINT16_MAX)
    if mode == "1":
        return Image.fromarray(np.asarray(image).astype(np.float32))
    if mode == "F":
        raise ValueError("floating-point pixels have no nominal range: save the image with 8 or 16 bits")
    if mode in ("P", "L", "RGB") and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    if image.mode != "L":
        image = image.convert("RGB").convert("L")
    return Image.fromarray(np.asarray(image).astype(np.float32) / 255.0)


def _convert(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:  # only the header has been read yet
        raise ValueError(f"{image.height} x {image.width} pixels, expected at most {MAX_PIXELS}")
    converted = to_unit_grayscale(image)
    if image.mode in _WIDE_MODES and 0 < np.asarray(converted).max() < 1 / 8:
        logger.warning(
            "%s fills less than an eighth of its 16 bits and will look nearly black: rescale it on export",
            getattr(image, "filename", "an image"),
        )
    return converted


def read_picture(path: Path) -> np.ndarray:
    """Read a picture file through MONAI's ``PILReader``.

    Args:
        path: the file.

    Returns:
        float32 (H, W), values in [0, 1].

    Raises:
        OSError, ValueError: when it can't be decoded, see :py:func:`to_unit_grayscale`.
    """
    reader = PILReader(converter=_convert, reverse_indexing=False)
    return np.array(reader.get_data(reader.read(path))[0], dtype=np.float32)


def decode_picture(file: IO[bytes]) -> np.ndarray:
    """The same of an open file, for pictures inside a container.

    Args:
        file: open for reading, at its start.

    Returns:
        float32 (H, W), values in [0, 1].

    Raises:
        OSError, ValueError: as :py:func:`read_picture`.
    """
    with Image.open(file) as image:
        return np.array(_convert(image), dtype=np.float32)
