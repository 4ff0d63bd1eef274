"""Anomaly maps over their images, on one colour scale for all of them.

A scale of its own would make the hottest pixel of a normal image as hot as that of an abnormal one, so the caller gives
``vmax`` once, for instance a high percentile of the validation normals' maps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from imgae_monai.visualize.figure_file import save_figure

_COLOURS = "inferno"
# vermilion and sky blue, which the colour-blind tell apart (Okabe and Ito 2002)
_POSITIVE, _NEGATIVE = (0.835, 0.369, 0.0), (0.337, 0.706, 0.914)
_PANELS = ("image", "reconstruction", "anomaly map", "overlay")
_KEYS = ("image", "pred", "anomaly_map", "caption")
_SIDE, _GAP, _CAPTION, _HEAD, _FOOT = 1.5, 0.06, 0.28, 0.48, 0.55  # inches
_MAX_ROWS = 200
_MAX_CAPTION = 84
_TOLERANCE = 1e-3  # what interpolation may overshoot


def anomaly_overlay(image: ArrayLike, anomaly_map: ArrayLike, vmax: float, alpha: float = 0.5) -> NDArray[np.uint8]:
    """Blend an anomaly map over its grey image, the more opaque the higher the map.

    Args:
        image: grey image (H, W) in [0, 1].
        anomaly_map: (H, W), in the unit of vmax; 0 and below is transparent, vmax / 2 and above has opacity alpha, and
            between them it rises with the square, so that low values do not tint bright bone.
        vmax: the value of the hottest colour, above 0, the same for all images that are to be compared.
        alpha: opacity of the hot half of the scale, in [0, 1].

    Returns:
        RGB (H, W, 3), 0 to 255.

    Raises:
        ValueError: an array is malformed, the shapes differ, or vmax or alpha is out of range.

    Example:
        >>> anomaly_overlay(np.zeros((1, 2)), np.array([[0.0, 1.0]]), vmax=1.0).tolist()
        [[[0, 0, 0], [126, 127, 82]]]
    """
    grey, heat = _check_pair(image, anomaly_map)
    _check_vmax(vmax)
    _check_alpha(alpha)
    level = np.clip(heat / vmax, 0, 1)
    return _blend(grey, matplotlib.colormaps[_COLOURS](level)[..., :3], alpha * map_opacity(level))


def map_opacity(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """How opaque a map is at a level of its scale, in [0, 1]: fully from the middle on, below with the square."""
    opacity: NDArray[np.float64] = np.minimum(1, 2 * level) ** 2
    return opacity


def signed_overlay(image: ArrayLike, attribution: ArrayLike, vmax: float, alpha: float = 0.7) -> NDArray[np.uint8]:
    """Blend a map that has a sign over its grey image: vermilion above 0, sky blue below, the more opaque the farther.

    Args:
        image: grey image (H, W) in [0, 1].
        attribution: (H, W), in the unit of vmax; 0 is transparent.
        vmax: the magnitude from which on opacity is alpha, above 0.
        alpha: in [0, 1].

    Returns:
        RGB (H, W, 3), 0 to 255.

    Raises:
        ValueError: an array is malformed, the shapes differ, or vmax or alpha is out of range.

    Example:
        >>> signed_overlay(np.zeros((1, 3)), np.array([[-1.0, 0.0, 1.0]]), vmax=1.0, alpha=1.0).tolist()
        [[[86, 180, 233], [0, 0, 0], [213, 94, 0]]]
    """
    grey, signed = _check_pair(image, attribution)
    _check_vmax(vmax)
    _check_alpha(alpha)
    colour = np.where(signed[..., None] > 0, _POSITIVE, _NEGATIVE)
    return _blend(grey, colour, alpha * np.clip(np.abs(signed) / vmax, 0, 1))


def picture_grid(rows: Sequence[Mapping[str, Any]], path: str | Path | BinaryIO, vmax: float, title: str) -> None:
    """Draw image, reconstruction, anomaly map and overlay of each row, with a colour bar common to all rows.

    Args:
        rows: dictionaries with ``image``, ``pred``, ``anomaly_map``, each (H, W), and ``caption``, one line such as
            file name, label, score and decision. Images lie in [0, 1]; rows may differ in size.
        path: the ``.png`` or ``.pdf`` file to write, or an open file (PNG).
        vmax: the anomaly value of the hottest colour, above 0; the colour bar's arrow stands for what lies above.
        title: one line of plain text.

    Raises:
        ValueError: there is no row or more than 200, a key is missing, an array is malformed, vmax is not above 0, or
            the suffix is unknown.

    Example:
        >>> row = {"image": x, "pred": y, "anomaly_map": abs(x - y), "caption": "a.png"}  # doctest: +SKIP
        >>> picture_grid([row], "grid.png", vmax=0.5, title="Test images")  # doctest: +SKIP
    """
    _check_vmax(vmax)
    if not 1 <= len(rows) <= _MAX_ROWS:
        raise ValueError(f"picture_grid draws 1 to {_MAX_ROWS} rows a file; got {len(rows)}")
    step = _SIDE + _CAPTION
    width, height = len(_PANELS) * (_SIDE + _GAP) + _GAP, _HEAD + len(rows) * step + _FOOT
    figure = Figure(figsize=(width, height))
    figure.text(0.5, 1 - 0.08 / height, title, ha="center", va="top", fontsize=10)
    for column, name in enumerate(_PANELS):
        x = (_GAP + column * (_SIDE + _GAP) + _SIDE / 2) / width
        figure.text(x, 1 - (_HEAD - 0.04) / height, name, ha="center", va="bottom", fontsize=8, color="#444444")
    for index, row in enumerate(rows):
        top = height - _HEAD - index * step
        figure.text(_GAP / width, (top - _CAPTION + 0.05) / height, _caption(row, index), va="bottom", fontsize=8)
        for column, (picture, style) in enumerate(_row_pictures(row, index, vmax)):
            x = _GAP + column * (_SIDE + _GAP)
            axes = figure.add_axes((x / width, (top - step) / height, _SIDE / width, _SIDE / height))
            axes.imshow(picture, interpolation="nearest", **style)
            axes.set_axis_off()
    scale = ScalarMappable(Normalize(0, vmax), _COLOURS)
    bar = figure.add_axes((0.25, (_FOOT - 0.2) / height, 0.5, 0.1 / height))
    figure.colorbar(scale, cax=bar, orientation="horizontal", extend="max")
    bar.tick_params(labelsize=8)
    bar.set_xlabel("anomaly map", fontsize=8, labelpad=1)
    save_figure(figure, path)


def _blend(grey: NDArray[Any], colour: NDArray[Any], opacity: NDArray[Any]) -> NDArray[np.uint8]:
    blend = (1 - opacity[..., None]) * np.clip(grey, 0, 1)[..., None] + opacity[..., None] * colour
    return np.rint(255 * blend).astype(np.uint8)


def _row_pictures(row: Mapping[str, Any], index: int, vmax: float) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    where = f"row {index}: "
    image, anomaly_map = _check_pair(row["image"], row["anomaly_map"], where)
    pred = _check_map(row["pred"], image.shape, f"{where}pred")
    grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
    hot = {"cmap": _COLOURS, "vmin": 0, "vmax": vmax}
    return [(image, grey), (pred, grey), (anomaly_map, hot), (anomaly_overlay(image, anomaly_map, vmax), {})]


def _caption(row: Mapping[str, Any], index: int) -> str:
    missing = [key for key in _KEYS if key not in row]
    if missing:
        raise ValueError(f"row {index} must have {', '.join(_KEYS)}; {', '.join(missing)} missing")
    text = " ".join(str(row["caption"]).split())
    if len(text) <= _MAX_CAPTION:
        return text
    return f"{text[: _MAX_CAPTION // 3]}…{text[-(_MAX_CAPTION - _MAX_CAPTION // 3 - 1) :]}"


def _check_pair(image: ArrayLike, anomaly_map: ArrayLike, where: str = "") -> tuple[NDArray[Any], NDArray[Any]]:
    grey = np.asarray(image, dtype=np.float64)
    if grey.ndim != 2 or not grey.size:
        raise ValueError(f"{where}image must be (H, W), grey and without a channel; got {grey.shape}")
    low, high = float(grey.min()), float(grey.max())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # also where one of them is NaN
        raise ValueError(f"{where}image must be finite and in [0, 1]; got {low} to {high}")
    return grey, _check_map(anomaly_map, grey.shape, f"{where}anomaly_map")


def _check_map(values: ArrayLike, shape: tuple[int, ...], argument: str) -> NDArray[Any]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{argument} must have the image's shape {shape}; got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{argument} must be finite; got {int((~np.isfinite(array)).sum())} NaN or infinite pixels")
    return array


def _check_vmax(vmax: float) -> None:
    if not (math.isfinite(vmax) and vmax > 0):
        raise ValueError(f"vmax must be finite and above 0, one value for all images; got {vmax}")


def _check_alpha(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1]; got {alpha}")
