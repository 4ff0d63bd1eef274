"""Pictures that stand in the page itself."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

_QUALITY = 80


def data_uri(content: bytes, kind: str) -> str:
    """An address that holds what it names.

    Args:
        content: of the file.
        kind: its media type, as ``"image/png"``.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def jpeg_uri(grey: ArrayLike, max_pixels: int, quality: int = _QUALITY) -> str:
    """A grey picture as a JPEG in a data URI.

    Args:
        grey: (H, W), clipped to [0, 1].
        max_pixels: a longer side is shrunk to this.
        quality: of the JPEG, 1 to 95.
    """
    picture = Image.fromarray((np.clip(np.asarray(grey), 0, 1) * 255 + 0.5).astype(np.uint8))
    picture.thumbnail((max_pixels, max_pixels))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return data_uri(buffer.getvalue(), "image/jpeg")
