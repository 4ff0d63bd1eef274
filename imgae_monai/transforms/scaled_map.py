"""An anomaly map as 8-bit grey, for pictures and for tools that take bytes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor

from imgae_monai.transforms.calibration import Calibration

_SMALLEST = 1e-12


class ScaledMap(Transform):
    """Map to bytes: 0 at 0, 255 at the limit and above. One limit for all images, so that their pictures compare.

    MONAI's ``ScaleIntensityRange(b_max=255, dtype=uint8)`` cuts fractions off instead of rounding.

    Args:
        limit: value that becomes 255, as a calibration's ``map_limit``. Where normal residuals are, and so the limit,
            is 0, any residual is at the top.

    Example:
        >>> ScaledMap(0.5)(torch.tensor([[[0.0, 0.1, 0.5, 2.0]]]))
        tensor([[[  0,  51, 255, 255]]], dtype=torch.uint8)
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, limit: float) -> None:
        self.limit = max(limit, _SMALLEST)

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: anomaly map of any shape, not negative.

        Returns:
            uint8, same shape; metadata is kept.
        """
        plain = convert_to_tensor(img, track_meta=False)
        grey = ((plain / self.limit).clamp(0, 1) * 255).round()
        return convert_to_dst_type(grey, img, dtype=torch.uint8)[0]


class ScaledMapd(MapTransform):
    """Dictionary version of :py:class:`ScaledMap`.

    Args:
        keys: keys of the maps.
        calibration: gives ``map_limit``; it may be read late.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = ScaledMap.backend

    def __init__(self, keys: KeysCollection, calibration: Calibration, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.calibration = calibration

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = ScaledMap(self.calibration.map_limit)(d[key])
        return d


ScaledMapD = ScaledMapDict = ScaledMapd
