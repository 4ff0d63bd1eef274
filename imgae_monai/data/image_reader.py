"""Read any image that a data list can name as grey values in [0, 1], or refuse it by name.

MONAI's ``LoadImage`` keeps palette codes, alpha channels and bit depths as they are and hides a reader's error behind
an installation hint; here every format has a reader of its own that ends in one grey channel, and every failure is an
:py:class:`imgae_monai.exceptions.UnreadableImage` that names the file.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from monai.config import PathLike
from monai.utils import look_up_option

from imgae_monai.data.arrow_reader import arrow_bytes
from imgae_monai.data.dicom_reader import DICOM_SUFFIXES, is_dicom, read_dicom
from imgae_monai.data.encoded_image import EncodedImage
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.nifti_reader import NIFTI_SUFFIXES, is_nifti, read_nifti
from imgae_monai.data.npy_reader import read_npy
from imgae_monai.data.picture_reader import PICTURE_SUFFIXES, decode_picture, read_picture
from imgae_monai.data.windows import WINDOWS
from imgae_monai.exceptions import InputError, UnreadableImage

SUFFIXES = (*PICTURE_SUFFIXES, *DICOM_SUFFIXES, *NIFTI_SUFFIXES)
TABLE_SUFFIXES = (".npy", ".arrow")  # read where a data list names an image in them, not looked for in folders


def is_image_file(path: Path) -> bool:
    """Whether a file's name, or for one without a suffix its DICOM mark, says that it is an image that is read here."""
    return path.name.lower().endswith(SUFFIXES) or is_dicom(path)


def read_image(image: PathLike | EncodedImage, window: str = "auto", spatial_dims: int | None = None) -> np.ndarray:
    """Read one image.

    Args:
        image: path of a file, a reference into one, see :py:mod:`imgae_monai.data.image_reference`, or an encoded
            picture in memory.
        window: how values without a nominal range become [0, 1] (DICOM, NIfTI; a picture's are divided by its bit
            depth): ``"auto"`` takes the window in a DICOM's header and elsewhere the 0.5 % and 99.5 % percentiles,
            ``"percentile"`` always those percentiles, ``"full"`` the whole range.
        spatial_dims: refuse an image of another number of axes, 2 or 3; None takes either.

    Returns:
        float32 of shape (H, W), or (H, W, D) for a volume; values in [0, 1], rows first.

    Raises:
        UnreadableImage: (an InputError) when the file is missing, of an unknown type, empty, truncated or otherwise
            unreadable, holds NaN or Inf, or has another number of axes.
        ValueError: when ``window`` is unknown.
    """
    window = look_up_option(window, WINDOWS)
    if not isinstance(image, EncodedImage):
        _check_file(split_reference(image)[0])
    try:
        array = _read(image, window)
    except InputError as e:
        raise UnreadableImage(str(e)) from e
    except Exception as e:  # over a damaged file, decoders raise anything: AttributeError, struct.error, zlib.error
        reason = str(e) if isinstance(e, (OSError, ValueError)) and str(e) else f"{type(e).__name__}: {e}"
        raise UnreadableImage(f"cannot read {image}: {' '.join(reason.split())}; replace it or take it out") from e
    if spatial_dims not in (None, array.ndim):
        kind, mend = ("a volume", "give slice_axis, or spatial_dims 3") if array.ndim == 3 else ("2-D", "take it out")
        raise UnreadableImage(
            f"cannot use {image}: it is {kind}, shape {array.shape}, expected {spatial_dims} axes; {mend}"
        )
    if not np.isfinite(array).all():
        n_wrong = array.size - int(np.isfinite(array).sum())
        raise UnreadableImage(f"cannot use {image}: {n_wrong} of its {array.size} values are NaN or Inf; take it out")
    return array


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise UnreadableImage(f"cannot read {path}: no such file")
    if path.stat().st_size == 0:
        raise UnreadableImage(f"cannot read {path}: the file is empty (0 bytes); replace it or take it out")
    if path.suffix.lower() not in TABLE_SUFFIXES and not is_image_file(path):
        raise UnreadableImage(f"cannot read {path}: type {path.suffix or '(none)'!r}, expected one of {list(SUFFIXES)}")


def _read(image: PathLike | EncodedImage, window: str) -> np.ndarray:
    if isinstance(image, EncodedImage):
        return decode_picture(io.BytesIO(image.data))
    path, fragment = split_reference(image)
    if path.suffix.lower() == ".npy":
        return read_npy(path, fragment)
    if path.suffix.lower() == ".arrow":
        return decode_picture(io.BytesIO(arrow_bytes(path, fragment)))
    if is_nifti(path):
        return read_nifti(path, fragment, window)
    if is_dicom(path):
        return read_dicom(path, window)
    return read_picture(path)
