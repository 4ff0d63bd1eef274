"""Read a picture file as one grey channel in [0, 1], whatever its mode and bit depth."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import torch
from monai.config import KeysCollection, PathLike
from monai.data import MetaTensor, PILReader
from monai.transforms import MapTransform, Transform
from monai.utils import ImageMetaKey, TransformBackends
from PIL import Image

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_UINT16_MAX = 65535
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def to_unit_grayscale(image: Image.Image) -> Image.Image:
    """Convert a PIL image of any mode to mode ``F`` with values in [0, 1], by its nominal range, not by its contents.

    8-bit modes are divided by 255 and 16-bit ones by 65535. Colour becomes luminance (ITU-R 601), a palette is looked
    up, transparency is composited on black. PIL's own ``convert("L")`` would clip every 16-bit value above 255.

    Args:
        image: any PIL image.

    Returns:
        a PIL image of mode ``F``.

    Raises:
        ValueError: when the mode has no nominal range (floating point), or an integer exceeds 16 bits.
    """
    mode = image.mode
    if mode in _WIDE_MODES:
        values = np.asarray(image).astype(np.float32)
        if values.min() < 0 or values.max() > _UINT16_MAX:
            raise ValueError(f"values span [{values.min():g}, {values.max():g}], expected 16-bit integers (0 to 65535)")
        return Image.fromarray(values / _UINT16_MAX)
    if mode == "1":
        return Image.fromarray(np.asarray(image).astype(np.float32))
    if mode == "F":
        raise ValueError("floating-point pixels have no nominal range: save the image with 8 or 16 bits")
    if mode in ("P", "L", "RGB") and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    if image.mode != "L":
        image = image.convert("RGB").convert("L")
    return Image.fromarray(np.asarray(image).astype(np.float32) / 255.0)


class LoadGrayscale(Transform):
    """Load a PNG, JPEG or BMP file as a ``MetaTensor`` of shape (1, H, W), float32 in [0, 1], rows first.

    MONAI's ``LoadImage`` keeps palette codes, alpha channels and bit depths as they are and hides a reader's error
    behind an installation hint; here ``PILReader`` reads through :py:func:`to_unit_grayscale` and an unreadable file is
    named. The path is kept in the metadata under ``filename_or_obj``.

    Example:
        >>> import tempfile, numpy as np
        >>> from PIL import Image
        >>> path = tempfile.mkdtemp() + "/wide.png"
        >>> Image.fromarray(np.full((4, 6), 65535, dtype=np.uint16)).save(path)
        >>> LoadGrayscale()(path).shape, float(LoadGrayscale()(path).max())
        (torch.Size([1, 4, 6]), 1.0)
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self) -> None:
        self.reader = PILReader(converter=self._convert, reverse_indexing=False)

    @staticmethod
    def _convert(image: Image.Image) -> Image.Image:
        converted = to_unit_grayscale(image)
        if image.mode in _WIDE_MODES and 0 < np.asarray(converted).max() < 1 / 8:
            logger.warning(
                "%s fills less than an eighth of its 16 bits and will look nearly black: rescale it on export",
                getattr(image, "filename", "an image"),
            )
        return converted

    def __call__(self, filename: PathLike) -> torch.Tensor:
        """
        Args:
            filename: path of the file.

        Returns:
            image of shape (1, H, W), values in [0, 1].

        Raises:
            InputError: when the file is missing, of an unknown type, empty, truncated or otherwise unreadable.
        """
        path = Path(filename)
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"cannot read {path}: type {path.suffix or '(none)'!r}, expected one of {list(SUFFIXES)}")
        if not path.is_file():
            raise InputError(f"cannot read {path}: no such file")
        if path.stat().st_size == 0:
            raise InputError(f"cannot read {path}: the file is empty (0 bytes); replace it or take it out")
        try:
            array, meta = self.reader.get_data(self.reader.read(path))
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as e:
            raise InputError(f"cannot read {path}: {e}; replace it or take it out") from e
        image = MetaTensor(torch.from_numpy(np.array(array, dtype=np.float32))[None], meta=dict(meta))
        image.meta[ImageMetaKey.FILENAME_OR_OBJ] = str(path)
        return image


class LoadGrayscaled(MapTransform):
    """Dictionary version of :py:class:`LoadGrayscale`.

    Args:
        keys: keys whose values are file paths.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = LoadGrayscale.backend

    def __init__(self, keys: KeysCollection = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.loader = LoadGrayscale()

    def __call__(self, data: Mapping[Hashable, PathLike]) -> dict[Hashable, torch.Tensor]:
        d: dict = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.loader(d[key])
        return d


LoadGrayscaleD = LoadGrayscaleDict = LoadGrayscaled
