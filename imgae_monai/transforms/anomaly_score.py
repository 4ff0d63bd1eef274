"""Reduce an anomaly map to one number an image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor, look_up_option


class AnomalyScore(Transform):
    """Reduce a map to an image score: higher is more abnormal. The score is raw, never clamped or rescaled.

    Args:
        reduction: ``"mean"``, ``"max"``, or ``"top"``: the mean over the ``top_fraction`` highest pixels.
        top_fraction: share of the pixels, in (0, 1], that ``"top"`` averages (at least one pixel).

    Raises:
        ValueError: when ``reduction`` is unknown or ``top_fraction`` is out of range.

    Example:
        >>> AnomalyScore("top", top_fraction=0.5)(torch.tensor([[[0.0, 1.0], [2.0, 3.0]]])).item()
        2.5
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, reduction: str = "mean", top_fraction: float = 0.01) -> None:
        self.reduction = look_up_option(reduction, ["mean", "top", "max"])
        if not 0 < top_fraction <= 1:
            raise ValueError(f"top_fraction must be in (0, 1], got {top_fraction}")
        self.top_fraction = top_fraction

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: anomaly map of shape (C, H, W[, D]).

        Returns:
            a tensor of no axes, float64 (a float32 mean would make ties and order depend on the batch).
        """
        values = convert_to_tensor(img, track_meta=False, dtype=torch.float64).flatten()
        if self.reduction == "max":
            return values.max()
        if self.reduction == "top":
            values = values.topk(max(1, round(self.top_fraction * values.numel()))).values
        return values.mean()


class AnomalyScored(MapTransform):
    """Dictionary version of :py:class:`AnomalyScore`.

    Args:
        keys: key of the anomaly map.
        output_key: key under which the score is put.
        reduction: as there.
        top_fraction: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = AnomalyScore.backend

    def __init__(
        self,
        keys: KeysCollection = "anomaly_map",
        output_key: str = "score",
        reduction: str = "mean",
        top_fraction: float = 0.01,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one anomaly map, got {self.keys}")
        self.output_key = output_key
        self.scorer = AnomalyScore(reduction, top_fraction)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.scorer(d[key])
        return d


AnomalyScoreD = AnomalyScoreDict = AnomalyScored
