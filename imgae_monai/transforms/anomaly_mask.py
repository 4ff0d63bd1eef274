"""Which pixels an anomaly map calls abnormal."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.calibration import Calibration


class AnomalyMask(Transform):
    """Map to mask: 1 above the threshold, 0 at it and below, as an image is abnormal above its own.

    MONAI's ``AsDiscrete(threshold=...)`` takes the threshold itself for abnormal, and a normal pixel may lie on it.

    Args:
        threshold: of a pixel, as a calibration's ``pixel_threshold``.

    Example:
        >>> AnomalyMask(0.5)(torch.tensor([[[0.2, 0.5, 0.7]]]))
        tensor([[[0, 0, 1]]], dtype=torch.uint8)
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: anomaly map of any shape.

        Returns:
            uint8, same shape; metadata is kept.
        """
        mask = convert_to_tensor(img, track_meta=False) > self.threshold
        return convert_to_dst_type(mask, img, dtype=torch.uint8)[0]


class AnomalyMaskd(MapTransform):
    """Dictionary version of :py:class:`AnomalyMask`.

    Args:
        keys: key of the map.
        calibration: gives ``pixel_threshold``; it may be read late.
        output_key: key under which the mask is put.
        allow_missing_keys: don't raise when a key is missing.

    Raises:
        ValueError: when ``keys`` are several.
    """

    backend = AnomalyMask.backend

    def __init__(
        self,
        keys: KeysCollection,
        calibration: Calibration,
        output_key: str = "mask",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one map, got {self.keys}")
        self.calibration = calibration
        self.output_key = output_key

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        """
        Raises:
            InputError: when an earlier version made the calibration, without a threshold of a pixel.
        """
        d = dict(data)
        for key in self.key_iterator(d):
            threshold = self.calibration.pixel_threshold
            if threshold is None:
                raise InputError(
                    "the calibration has no threshold of a pixel, since an earlier version made it: make it again, "
                    "imgae-monai calibrate RUN (same score options)"
                )
            d[self.output_key] = AnomalyMask(threshold)(d[key])
        return d


AnomalyMaskD = AnomalyMaskDict = AnomalyMaskd
