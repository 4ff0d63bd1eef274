"""From a DICOM's stored values to [0, 1]: modality LUT, VOI LUT or window, padding and palette (PS3.3 C.7.6.3, C.11).

pydicom's ``apply_voi`` and ``apply_color_lut`` index in the table's own type: a 12-bit image through a table of 8-bit
entries wraps around at 256 without a word. Looked up here, an index is an integer of 64 bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from imgae_monai.data.windows import percentile_range, scale_to_unit

if TYPE_CHECKING:
    from pydicom import Dataset

_WINDOW_MEND = "choose another window: 'percentile' or 'full'"


def is_monochrome(photometric: str) -> bool:
    """Whether the values are grey, in either direction."""
    return photometric in ("MONOCHROME1", "MONOCHROME2")


def padding_mask(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Where the stored value is the Pixel Padding Value, or between it and the Pixel Padding Range Limit.

    Args:
        dataset: the header.
        stored: integers (H, W).

    Returns:
        bool (H, W).
    """
    if dataset.get("PixelPaddingValue") is None:
        return np.zeros(stored.shape, dtype=bool)
    limit = dataset.get("PixelPaddingRangeLimit")
    ends = [dataset.PixelPaddingValue, dataset.PixelPaddingValue if limit is None else limit]
    # a negative value is often written as its unsigned twin: wrap it as the pixels were
    first, last = sorted(np.array([int(end) for end in ends], dtype=np.int64).astype(stored.dtype).tolist())
    return np.asarray((stored >= first) & (stored <= last))


def to_unit_window(dataset: Dataset, stored: np.ndarray, padding: np.ndarray, window: str) -> np.ndarray:
    """Rescale stored values and bring them to [0, 1] by a window.

    Args:
        dataset: the header.
        stored: integers (H, W).
        padding: where they mean nothing, bool (H, W).
        window: ``"auto"``, ``"percentile"`` or ``"full"``, see :py:func:`imgae_monai.data.dicom_reader.read_dicom`.

    Returns:
        float32 (H, W); before the inversion of MONOCHROME1.

    Raises:
        ValueError: when the header's numbers can't be meant (a window without width, a rescale slope of 0).
    """
    values, nominal = _rescale(dataset, stored)
    if window == "full":
        return scale_to_unit(values, *nominal)
    if window == "auto":
        if dataset.get("VOILUTSequence"):
            table, first, top = _table(dataset.VOILUTSequence[0], "VOI LUT", signed=nominal[0] < 0)
            return (_look_up(np.rint(values), table, first) / top).astype(np.float32)
        if dataset.get("WindowCenter") not in (None, "") and dataset.get("WindowWidth") not in (None, ""):
            return _apply_window(dataset, values)
        if int(dataset.BitsStored) <= 8:
            return scale_to_unit(values, *nominal)
    return scale_to_unit(values, *percentile_range(values[~padding]))


def _rescale(dataset: Dataset, stored: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Values after the modality LUT or slope and intercept, and the least and the greatest that there can be."""
    if dataset.get("ModalityLUTSequence"):
        signed = int(dataset.PixelRepresentation) == 1
        table, first, top = _table(dataset.ModalityLUTSequence[0], "Modality LUT", signed)
        return _look_up(stored, table, first).astype(np.float64), (0.0, float(top))
    bits = int(dataset.BitsStored)
    least = -(2 ** (bits - 1)) if int(dataset.PixelRepresentation) == 1 else 0
    slope = _number(dataset, "RescaleSlope", 1.0)
    intercept = _number(dataset, "RescaleIntercept", 0.0)
    if slope == 0:
        raise ValueError("Rescale Slope is 0, which leaves nothing of the image")
    ends = sorted((least * slope + intercept, (least + 2**bits - 1) * slope + intercept))
    return stored * slope + intercept, (ends[0], ends[1])


def _number(dataset: Dataset, keyword: str, default: float | None = None) -> float:
    """A header's number, the first where there are several."""
    value: Any = dataset.get(keyword)
    if value in (None, "") and default is not None:
        return default
    number = float(value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value)
    if not math.isfinite(number):
        raise ValueError(f"{keyword} is {number}")
    return number


def _apply_window(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """Window centre and width (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise ValueError(f"Window Width {width:g} is no width for the VOI LUT function {function}; {_WINDOW_MEND}")
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / width, -700, 700)  # what float64 can hold
        return (1 / (1 + np.exp(exponent))).astype(np.float32)
    if function not in ("LINEAR", "LINEAR_EXACT"):
        raise ValueError(f"VOI LUT function {function!r}, expected LINEAR, LINEAR_EXACT or SIGMOID; {_WINDOW_MEND}")
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float32)
    return scale_to_unit(values, centre - width / 2, centre + width / 2)


def _table(item: Dataset, name: str, signed: bool) -> tuple[np.ndarray, int, int]:
    """A lookup table: its entries, the value that the first stands for, and the greatest entry that there can be.

    The descriptor is stored signed or not as the pixels are; its first value is signed as what is looked up.
    """
    entries, first, bits = (int(number) for number in item.LUTDescriptor)
    entries = (entries & 0xFFFF) or 1 << 16
    first &= 0xFFFF
    first -= 1 << 16 if signed and first >= 1 << 15 else 0
    data = item.LUTData
    if isinstance(data, bytes):
        width = 1 if len(data) in (entries, entries + 1) and bits <= 8 else 2
        table = np.frombuffer(data[: entries * width], dtype=f"<u{width}")
    else:
        table = np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
    if not 0 < bits <= 16 or len(table) != entries or int(table.max(initial=0)) >= 1 << bits:
        raise ValueError(
            f"the {name} is damaged: {len(table)} entries up to {table.max(initial=0)}, said {entries} of {bits} bits"
        )
    return table.astype(np.int64), first, (1 << bits) - 1


def _look_up(values: np.ndarray, table: np.ndarray, first: int) -> np.ndarray:
    return np.asarray(table[np.clip(values.astype(np.int64) - first, 0, len(table) - 1)])


def palette_rgb(dataset: Dataset, stored: np.ndarray) -> tuple[np.ndarray, int]:
    """Colours of palette codes.

    Args:
        dataset: the header with the palette.
        stored: codes (H, W).

    Returns:
        RGB (H, W, 3), and the greatest value that there can be.

    Raises:
        ValueError: when the palette is missing or damaged.
    """
    from pydicom.pixels.processing import apply_color_lut

    entries, first, bits = (int(number) for number in dataset.RedPaletteColorLookupTableDescriptor)
    entries = (entries & 0xFFFF) or 1 << 16
    palette = apply_color_lut(np.arange(first, first + entries), dataset)
    if entries > np.iinfo(palette.dtype).max + 1:
        raise ValueError(f"a palette of {entries} entries of {8 * palette.itemsize} bits is not read, expected 256")
    # entries of 8 bits may lie in words of 16, at either end
    top = 255 if bits == 8 and palette.max() <= 255 else int(np.iinfo(palette.dtype).max)
    codes = np.clip(stored.astype(np.int64) - first, 0, entries - 1)
    return palette[codes][..., :3], top
