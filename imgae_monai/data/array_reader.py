"""Grey values that are in memory already, as another program hands them over."""

from __future__ import annotations

import numpy as np
from monai.utils import look_up_option

from imgae_monai.data.windows import WINDOWS, percentile_range, scale_to_unit
from imgae_monai.exceptions import UnreadableImage


def read_array(values: np.ndarray, window: str = "auto") -> np.ndarray:
    """One 2-D image in memory as grey values in [0, 1], rows first.

    Args:
        values: (H, W), rows first; or (W, H, 1), columns first with a last axis of 1, as MONAI Deploy makes of a DICOM
            frame. Numbers of any type.
        window: of values that are no fractions: ``"auto"`` divides bytes by 255 and takes the 0.5 % and 99.5 %
            percentiles of all else, as ``"percentile"`` always does. ``"full"`` takes the whole range. Fractions in
            [0, 1] are what :py:func:`imgae_monai.data.read_image` gives, its window applied: they stay as they are.

    Returns:
        float32 of shape (H, W), values in [0, 1].

    Raises:
        UnreadableImage: (an InputError) when it is no such image, or holds NaN or Inf.
        ValueError: when ``window`` is unknown.

    Example:
        >>> read_array(np.array([[0, 51, 255]], dtype=np.uint8)).tolist()
        [[0.0, 0.20000000298023224, 1.0]]
        >>> read_array(np.array([[[10.0], [20.0], [30.0]]]), "full").shape
        (3, 1)
    """
    window = look_up_option(window, WINDOWS)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = np.swapaxes(values[..., 0], 0, 1)
    if values.ndim != 2 or not values.size:
        raise UnreadableImage(
            f"cannot use an image in memory of shape {values.shape}: expected (H, W), or (W, H, 1); give one slice"
        )
    if not np.isfinite(values).all():
        raise UnreadableImage(
            f"cannot use an image in memory: {int((~np.isfinite(values)).sum())} of its values are NaN or Inf"
        )
    fractions = np.issubdtype(values.dtype, np.floating) and values.min() >= 0 and values.max() <= 1
    if fractions:
        return np.array(values, dtype=np.float32, order="C")
    if window == "auto" and values.dtype == np.uint8:
        return scale_to_unit(values, 0, 255)
    low, high = (float(values.min()), float(values.max())) if window == "full" else percentile_range(values)
    return scale_to_unit(values, low, high)
