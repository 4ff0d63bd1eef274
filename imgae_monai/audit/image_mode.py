"""How a file stores its pixels, from its header."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from imgae_monai.data.dicom_reader import is_dicom
from imgae_monai.data.picture_reader import PICTURE_SUFFIXES

_MODES = {
    "1": "black and white",
    "L": "grey, 8 bits",
    "LA": "grey with transparency",
    "P": "palette",
    "RGB": "colour",
    "RGBA": "colour with transparency",
    "I": "grey, more than 8 bits",
    "I;16": "grey, 16 bits",
    "I;16B": "grey, 16 bits",
}


def image_mode(path: Path) -> str:
    """Describe how a file stores its pixels.

    Args:
        path: a file that can be read.

    Returns:
        as ``"grey, 8 bits"``, ``"colour"``, ``"palette"``, ``"DICOM MONOCHROME2, 12 bits"``; the suffix of a container.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES:
        with Image.open(path) as picture:
            return _MODES.get(picture.mode, f"mode {picture.mode}")
    if is_dicom(path):
        from pydicom import dcmread

        tags = ["PhotometricInterpretation", "BitsStored"]
        header = dcmread(path, stop_before_pixels=True, specific_tags=[*tags])
        photometric, bits = (header.get(tag, "unknown") for tag in tags)
        return f"DICOM {photometric}, {bits} bits"
    return "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lstrip(".")
