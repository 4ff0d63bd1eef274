"""Equalise local contrast."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_numpy


class CLAHE(Transform):
    """Contrast limited adaptive histogram equalisation, by scikit-image (MONAI has global equalisation only).

    Source: Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.

    Args:
        clip_limit: higher gives more contrast, in (0, 1]; scikit-image's default is 0.01.
        kernel_size: side in pixels of the regions that are equalised; None for an eighth of the image's.

    Raises:
        ValueError: when ``clip_limit`` or ``kernel_size`` is out of range.

    Example:
        >>> CLAHE()(torch.linspace(0.4, 0.6, 256).reshape(1, 16, 16)).max().item()
        1.0
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, clip_limit: float = 0.01, kernel_size: int | None = None) -> None:
        if not 0 < clip_limit <= 1:
            raise ValueError(f"clip_limit must be in (0, 1], got {clip_limit}")
        if kernel_size is not None and kernel_size < 1:
            raise ValueError(f"kernel_size must be at least 1 pixel, got {kernel_size}")
        self.clip_limit = clip_limit
        self.kernel_size = kernel_size

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: image of shape (C, H, W[, D]), values in [0, 1]; each channel is equalised by itself.

        Returns:
            the same shape and type, values in [0, 1]; a constant channel becomes 0.
        """
        channels = convert_to_numpy(img).clip(0, 1)
        plain = img.as_tensor() if isinstance(img, MetaTensor) else img
        out = torch.zeros_like(plain)
        for i, channel in enumerate(channels):
            if channel.min() < channel.max():  # scikit-image would divide by the range
                out[i] = torch.from_numpy(self._equalise(channel))
        return convert_to_dst_type(out, img)[0]

    def _equalise(self, channel: np.ndarray) -> np.ndarray:
        from skimage.exposure import equalize_adapthist  # takes a quarter of a second to import

        # scikit-image takes a last axis of 3 or 4 for colours, so a volume's slices go first
        turned = np.moveaxis(channel, -1, 0) if channel.ndim == 3 else channel
        out = equalize_adapthist(turned, kernel_size=self.kernel_size, clip_limit=self.clip_limit)
        return np.ascontiguousarray(np.moveaxis(out, 0, -1) if channel.ndim == 3 else out)


class CLAHEd(MapTransform):
    """Dictionary version of :py:class:`CLAHE`.

    Args:
        keys: keys of the images.
        clip_limit: as there.
        kernel_size: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = CLAHE.backend

    def __init__(
        self,
        keys: KeysCollection,
        clip_limit: float = 0.01,
        kernel_size: int | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.equaliser = CLAHE(clip_limit, kernel_size)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.equaliser(d[key])
        return d


CLAHED = CLAHEDict = CLAHEd
