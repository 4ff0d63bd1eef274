"""Read a DICOM image as one grey channel in [0, 1], and what its header knows of the patient.

MONAI's ``PydicomReader`` neither inverts MONOCHROME1 nor applies a window, so bone would be black in one file and white
in the next.
"""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imgae_monai.data.dicom_values import is_monochrome, padding_mask, palette_rgb, to_unit_window
from imgae_monai.data.gdcm_decoder import decode_apart
from imgae_monai.data.picture_reader import MAX_PIXELS
from imgae_monai.exceptions import InputError, SourceUnavailable

if TYPE_CHECKING:
    from pydicom import Dataset

logger = logging.getLogger(__name__)

DICOM_SUFFIXES = (".dcm", ".dicom")
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R 601
_DEFLATED = "1.2.840.10008.1.2.1.99"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
# decoders that take damaged data well; all others run in a process of their own
_PLUGINS = {
    "1.2.840.10008.1.2.5": "pydicom",  # RLE
    "1.2.840.10008.1.2.4.50": "pillow",  # JPEG baseline
    _JPEG_EXTENDED: "pillow",
    "1.2.840.10008.1.2.4.90": "pillow",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91": "pillow",  # JPEG 2000
}
_HEADER_TAGS = ["PatientID", "PatientSex", "PatientAge", "ViewPosition"]
_MONTHS_A_UNIT = {"": 12, "Y": 12, "M": 1, "W": 0, "D": 0}


def is_dicom(path: Path) -> bool:
    """Whether a file is a DICOM by its suffix (``.dcm``, ``.dicom``), or, without a suffix, by its mark at byte 128.

    A suffix of digits is the end of a UID (``1.2.840.113``) and counts as none. The index file ``DICOMDIR`` is none.
    """
    suffix = path.suffix.lower()
    if suffix in DICOM_SUFFIXES:
        return True
    if (suffix and not suffix[1:].isdecimal()) or path.name.upper() == "DICOMDIR":
        return False
    try:
        with open(path, "rb") as f:
            return f.read(132)[128:] == b"DICM"
    except OSError:
        return False


def dicom_header(path: Path) -> dict[str, str]:
    """What the header knows of the patient, without the pixels.

    Args:
        path: the file.

    Returns:
        ``patient_id``, ``sex``, ``age`` (whole years), ``view`` (View Position), those that are there and not blank.

    Raises:
        InputError: when pydicom is missing or the file is no DICOM.
    """
    require_pydicom(path)
    try:
        dataset = _dataset(path, stop_before_pixels=True, specific_tags=[*_HEADER_TAGS])
        values = {name: str(dataset.get(name) or "").strip() for name in _HEADER_TAGS}
    except InputError:
        raise
    except Exception as e:  # pydicom raises almost anything over a damaged header
        raise InputError(f"cannot read {path}: its DICOM header is damaged ({type(e).__name__}: {e})") from e
    known = {
        "patient_id": values["PatientID"],
        "sex": values["PatientSex"],
        "age": _years(values["PatientAge"]),
        "view": values["ViewPosition"],
    }
    return {key: value for key, value in known.items() if value}


def _years(age: str) -> str:
    match = re.fullmatch(r"(\d{1,3})([YMWD]?)", age.upper())
    return str(int(match[1]) * _MONTHS_A_UNIT[match[2]] // 12) if match else ""


def read_dicom(path: Path, window: str = "auto") -> np.ndarray:
    """Read one frame: modality LUT or rescale, window, MONOCHROME1 inverted.

    Colour (RGB, YBR, palette) becomes luminance (ITU-R 601) by its bit depth, whatever the window. Pixels of the
    padding value are 0. Overlays are not drawn.

    Args:
        path: the file.
        window: ``"auto"`` takes the first VOI LUT or window in the header, else the nominal range of data of 8 bits and
            the 0.5 % and 99.5 % percentiles of deeper data; ``"percentile"`` always those percentiles; ``"full"`` the
            range of Bits Stored, rescaled.

    Returns:
        float32 (H, W), values in [0, 1].

    Raises:
        InputError: when pydicom is missing, or the file holds no image, several frames, or a transfer syntax that can't
            be decoded. What pydicom raises over a damaged file passes through.

    Example:
        >>> from pydicom.data import get_testdata_file
        >>> read_dicom(Path(get_testdata_file("CT_small.dcm"))).shape
        (128, 128)
    """
    require_pydicom(path)
    dataset = _dataset(path)
    _check_header(path, dataset)
    stored, photometric = _decode(path, dataset)
    if is_monochrome(photometric) and stored.ndim == 2:
        padding = padding_mask(dataset, stored)
        unit = to_unit_window(dataset, stored, padding, window)
        if photometric == "MONOCHROME1" and unit.any():
            unit = 1 - unit
        unit[padding] = 0
        return unit
    if photometric == "PALETTE COLOR" and stored.ndim == 2:
        colour, top = palette_rgb(dataset, stored)
    elif photometric == "RGB" and stored.ndim == 3:
        colour, top = stored, 2 ** int(dataset.BitsStored) - 1
    else:
        raise InputError(
            f"cannot read {path}: photometric interpretation {photometric!r} of shape {stored.shape}; export it as "
            "monochrome"
        )
    return np.clip(colour[..., :3].astype(np.float64) @ _LUMINANCE / top, 0, 1).astype(np.float32)


def require_pydicom(path: Path) -> None:
    """Say what to install where pydicom is missing.

    Raises:
        SourceUnavailable: which lets a list of sources go on, as for any missing extra.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as e:
        raise SourceUnavailable(f"reading {path} needs pydicom: pip install 'imgae_monai[dicom]'") from e


def _dataset(path: Path, stop_before_pixels: bool = False, specific_tags: list[Any] | None = None) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    # from memory, an absurd length in the header can't make a read reserve that much
    source: Any = path if stop_before_pixels else io.BytesIO(path.read_bytes())
    try:
        if read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
            raise InputError(
                f"cannot read {path}: transfer syntax Deflated Explicit VR Little Endian; decompress it, as with "
                "dcmconv +te IN OUT"
            )
        return dcmread(source, stop_before_pixels=stop_before_pixels, specific_tags=specific_tags)
    except InvalidDicomError as e:
        raise InputError(f"cannot read {path}: it is no DICOM file (no DICM mark at byte 128)") from e


def _check_header(path: Path, dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        real = "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset
        kind = "floating-point pixels, which have no nominal range" if real else "no image"
        raise InputError(f"cannot read {path}: the DICOM file holds {kind} (no Pixel Data); take it out")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise InputError(
            f"cannot read {path}: the DICOM file holds {frames} frames, expected 1; write each frame to a file of its "
            "own, or the series as one NIfTI volume"
        )
    rows, columns, stored, allocated = (
        int(dataset[name].value) for name in ("Rows", "Columns", "BitsStored", "BitsAllocated")
    )
    if not 0 < rows * columns <= MAX_PIXELS:
        raise InputError(f"cannot read {path}: {rows} x {columns} pixels, expected at most {MAX_PIXELS}")
    high_bit = int(dataset.get("HighBit", stored - 1))
    if not 0 < stored <= min(allocated, 32) or high_bit != stored - 1:
        raise InputError(
            f"cannot read {path}: Bits Stored {stored}, Bits Allocated {allocated}, High Bit {high_bit}; expected the "
            "lowest bits of each word, at most 32"
        )


def _decode(path: Path, dataset: Dataset) -> tuple[np.ndarray, str]:
    """The stored values, colour as RGB, and what they are."""
    from pydicom.pixels import get_decoder

    uid = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(uid)
    except NotImplementedError:
        decoder = None
    deep_jpeg = uid == _JPEG_EXTENDED and int(dataset.BitsStored) > 8  # no decoder takes these
    if decoder is None or (uid.is_encapsulated and not decoder.is_available) or deep_jpeg:
        raise InputError(
            f"cannot read {path}: transfer syntax {uid.name} ({uid}) can't be decoded here; pip install "
            "'imgae_monai[dicom]', or decompress it, as with gdcmconv --raw IN OUT"
        )
    if uid.is_encapsulated and uid not in _PLUGINS:
        return decode_apart(path)
    array, meta = decoder.as_array(dataset, index=0, decoding_plugin=_PLUGINS.get(uid, ""))
    return array, str(meta["photometric_interpretation"])
