"""Decode one image and keep the small numbers that the checks need."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from imgae_monai.audit.image_mode import image_mode
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.image_reader import read_image
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.volumes import volume_of
from imgae_monai.exceptions import InputError
from imgae_monai.metrics import image_statistics

THUMBNAIL_SIZE = 32  # pixels; what the search for near duplicates compares
_GREY_LEVELS = 256
_HASH_LEVELS = 65535
_TRUNCATED = ("truncated", "broken data stream", "premature", "end of file", "0 bytes")


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """What is kept of one image: some 2 kB, whatever its size.

    Args:
        image: path or reference.
        error: why it can't be read, or None; the rest is then empty but for ``sha256`` where the file could be hashed.
        sha256: hash of the file's bytes, ``""`` for an image inside a container.
        volume_sha256: hash of the NIfTI file that it is or is a slice of, ``""`` for any other.
        pixel_hash: hash of size and grey values, the same for the same pixels in another lossless encoding.
        height: rows.
        width: columns.
        depth: slices of a volume, 1 of an image. A volume is measured by its middle slice.
        mode: how the file stores pixels, see :py:func:`imgae_monai.audit.image_mode.image_mode`.
        constant: whether all values are equal.
        flat_share: share of the commonest of 256 grey levels among the pixels, 0 to 1.
        statistics: see :py:func:`imgae_monai.metrics.image_statistics`.
        thumbnail: uint8 (32, 32), squeezed into the square, for the search for near duplicates.
        small: float16 (n, n) in [0, 1], aspect kept with black borders, where it was asked for.
    """

    image: str
    error: str | None = None
    sha256: str = ""
    volume_sha256: str = ""
    pixel_hash: str = ""
    height: int = 0
    width: int = 0
    depth: int = 1
    mode: str = ""
    constant: bool = False
    flat_share: float = 0.0
    statistics: dict[str, float] = dataclasses.field(default_factory=dict)
    thumbnail: np.ndarray | None = None
    small: np.ndarray | None = None

    @property
    def truncated(self) -> bool:
        """Whether it can't be read because its end is missing."""
        return self.error is not None and any(word in _reason(self.error, self.image) for word in _TRUNCATED)


def measure_image(image: str, window: str = "auto", small_size: int = 0) -> Measurement:
    """Read and measure one image.

    Args:
        image: path or reference.
        window: as in :py:func:`imgae_monai.data.read_image`.
        small_size: side of ``small`` in pixels, 0 for none.

    Returns:
        the measurement; an image that can't be read has its ``error`` filled and raises nothing.
    """
    sha256 = volume_sha256 = ""
    try:
        path, fragment = split_reference(image)
        if volume_of(image):
            stat = path.stat()
            volume_sha256 = _volume_sha256(path, stat.st_mtime_ns, stat.st_size)
        if not fragment:
            sha256 = volume_sha256 or file_sha256(path)
        measured = _measure(image, read_image(image, window), image_mode(path), small_size)
        return dataclasses.replace(measured, sha256=sha256, volume_sha256=volume_sha256)
    except InputError as e:
        return Measurement(image, error=str(e), sha256=sha256, volume_sha256=volume_sha256)
    except Exception as e:  # one odd file must not end the check of 100,000
        reason = f"cannot read {image}: {type(e).__name__}: {e}"
        return Measurement(image, error=reason, sha256=sha256, volume_sha256=volume_sha256)


@functools.lru_cache(maxsize=1)
def _volume_sha256(path: Path, mtime_ns: int, size: int) -> str:
    """Kept for the next slice of the same file."""
    return file_sha256(path)


def _reason(error: str, image: str) -> str:
    """The part of a message behind the file's name, in small letters; a name may hold any word."""
    path = str(split_reference(image)[0])
    name = next((name for name in (image, path) if name in error), "")
    reason = error.partition(name)[2] if name else error
    return reason.replace(repr(path), "").lower()


def _measure(image: str, values: np.ndarray, mode: str, small_size: int) -> Measurement:
    grey = values if values.ndim == 2 else values[..., values.shape[2] // 2]
    if min(grey.shape) < 2:
        raise InputError(f"cannot use {image}: {grey.shape[0]} x {grey.shape[1]} pixels, expected at least 2 x 2")
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError(f"cannot use {image}: it holds values that are not finite")
    levels = np.bincount((values * (_GREY_LEVELS - 1) + 0.5).astype(np.uint8).ravel(), minlength=_GREY_LEVELS)
    return Measurement(
        image=image,
        pixel_hash=_pixel_hash(values),
        height=grey.shape[0],
        width=grey.shape[1],
        depth=1 if values.ndim == 2 else values.shape[2],
        mode=mode,
        constant=low == high,
        flat_share=float(levels.max() / values.size),
        statistics=image_statistics(grey, image),
        thumbnail=(_resize(grey, THUMBNAIL_SIZE, THUMBNAIL_SIZE) * 255 + 0.5).astype(np.uint8),
        small=shrink_image(grey, small_size).astype(np.float16) if small_size else None,
    )


def _pixel_hash(values: np.ndarray) -> str:
    digest = hashlib.blake2b(repr(values.shape).encode(), digest_size=16)
    digest.update(np.rint(values * _HASH_LEVELS).astype(np.uint16).tobytes())
    return digest.hexdigest()


def shrink_image(grey: np.ndarray, size: int) -> np.ndarray:
    """Bring an image into a square, aspect kept, centred on black, with an antialiasing filter.

    Args:
        grey: (H, W) in [0, 1].
        size: side in pixels.

    Returns:
        float32 (size, size) in [0, 1].

    Example:
        >>> shrink_image(np.ones((4, 2)), 4).sum(axis=0)
        array([0., 4., 4., 0.], dtype=float32)
    """
    ratio = size / max(grey.shape)
    height, width = (max(1, round(n * ratio)) for n in grey.shape)
    canvas = np.zeros((size, size), np.float32)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = _resize(grey, height, width)
    return canvas


def _resize(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(grey, dtype=np.float32))
    return np.clip(np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)), 0, 1)
