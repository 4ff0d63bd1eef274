"""Anomaly maps as small PNG files: one to be looked at, one to lie over the image."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from imgae_monai.visualize.overlays import map_opacity

COLOURS = "inferno"
_LEVELS = 256


def map_png(anomaly_map: ArrayLike, limit: float, transparent: bool = False) -> bytes:
    """Draw a map in the colours of :py:func:`imgae_monai.visualize.anomaly_overlay`.

    Args:
        anomaly_map: (H, W), finite.
        limit: value of the hottest colour, above 0, the same for all images; what lies above looks the same.
        transparent: make 0 and below transparent and ``limit / 2`` and above opaque, in between as there, so that the
            picture can lie over the image.

    Returns:
        a PNG of 8-bit levels with a palette.
    """
    levels = np.clip(np.asarray(anomaly_map, dtype=np.float64) / limit, 0, 1) * (_LEVELS - 1)
    picture = Image.fromarray(np.rint(levels).astype(np.uint8), mode="P")
    picture.putpalette(_palette().tobytes())
    buffer = io.BytesIO()
    if transparent:
        opacity = map_opacity(np.arange(_LEVELS) / (_LEVELS - 1))
        picture.save(buffer, "PNG", optimize=True, transparency=np.rint(255 * opacity).astype(np.uint8).tobytes())
    else:
        picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def bar_png() -> bytes:
    """The colour bar from 0 (left) to the limit (right), one row of pixels."""
    return map_png(np.linspace(0, 1, _LEVELS)[None], 1.0)


def rgb_png(picture: NDArray[np.uint8]) -> bytes:
    """An RGB picture (H, W, 3) as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _palette() -> NDArray[np.uint8]:
    colours = matplotlib.colormaps[COLOURS](np.arange(_LEVELS) / (_LEVELS - 1))[:, :3]
    return np.rint(255 * colours).astype(np.uint8)
