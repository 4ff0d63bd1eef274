"""Read one image of a NumPy ``.npy`` file that holds many, without loading the rest and without unpickling."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

from imgae_monai.data.picture_reader import to_unit_grayscale

_MAXIMUM = {"uint8": 255, "uint16": 65535}


def read_npy(path: Path, fragment: str) -> np.ndarray:
    """Read one image as grey values.

    uint8 is divided by 255, uint16 by 65535; a last axis of 3 is colour (uint8 only) and becomes luminance
    (ITU-R 601), a last axis of 1 is dropped. Any other third axis makes a volume.

    Args:
        path: the file.
        fragment: index along the first axis, or ``""`` where the array is one image.

    Returns:
        float32 (H, W), or (H, W, D) of a stored (D, H, W).

    Raises:
        ValueError: when the index is out of range, or dtype or shape are not those of an image.
    """
    image = npy_row(path, fragment)
    if image.dtype.name not in _MAXIMUM:
        raise ValueError(f"dtype {image.dtype}, expected uint8 (0 to 255) or uint16 (0 to 65535)")
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[-1] == 3:
        if image.dtype != np.uint8:
            raise ValueError(f"colour of dtype {image.dtype}, expected uint8")
        return np.array(to_unit_grayscale(Image.fromarray(np.ascontiguousarray(image))), dtype=np.float32)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"an image of shape {image.shape}, expected (H, W), (H, W, 3) or (D, H, W)")
    values = image.astype(np.float32) / _MAXIMUM[image.dtype.name]
    return values if values.ndim == 2 else np.ascontiguousarray(np.moveaxis(values, 0, -1))


def npy_row(path: Path, fragment: str) -> np.ndarray:
    """The stored array of one image, memory-mapped.

    Raises:
        ValueError: when the index is no number in range, or the file would have to be unpickled.
    """
    array = _open(path, path.stat().st_mtime_ns)
    if not fragment:
        return array
    if not fragment.isdecimal() or array.ndim < 3 or int(fragment) >= len(array):
        raise ValueError(f"no image #{fragment} in an array of shape {array.shape}")
    return array[int(fragment)]


@functools.lru_cache(maxsize=16)
def _open(path: Path, mtime_ns: int) -> np.ndarray:
    return np.load(path, mmap_mode="r", allow_pickle=False)
