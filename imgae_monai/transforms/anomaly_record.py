"""What is said of an image, in a form that JSON takes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from imgae_monai.transforms.calibration import Calibration

USE = "Research only; not for clinical use"


class AnomalyRecordd(MapTransform):
    """Score, threshold and decision of an image as a dictionary of numbers and text.

    Args:
        keys: key of the score.
        calibration: gives threshold and limits; it may be read late.
        mask_key: key of the mask of abnormal pixels, whose share is told.
        output_key: key under which the record is put; ``"result"`` is where MONAI Label looks.
        synthetic: whether the network was trained on drawn phantoms; None where it is not known.
        allow_missing_keys: don't raise when a key is missing.

    Raises:
        ValueError: when ``keys`` are several.
    """

    def __init__(
        self,
        keys: KeysCollection,
        calibration: Calibration,
        mask_key: str = "pred",
        output_key: str = "result",
        synthetic: bool | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one score, got {self.keys}")
        self.calibration = calibration
        self.mask_key = mask_key
        self.output_key = output_key
        self.synthetic = synthetic

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            score, known = float(d[key]), self.calibration
            d[self.output_key] = {
                "score": score,
                "threshold": known.threshold,
                "decision": "abnormal" if score > known.threshold else "normal",
                "score_name": known.score.name,
                "specificity": known.specificity,
                "pixel_threshold": known.pixel_threshold,
                "map_limit": known.map_limit,
                "abnormal_pixels": float((d[self.mask_key] > 0).float().mean()),
                "trained_on_synthetic": self.synthetic,
                "use": USE,
            }
        return d


AnomalyRecordD = AnomalyRecordDict = AnomalyRecordd
