"""Take apart what :py:class:`imgae_monai.inferers.AnomalyInferer` gives."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor


class SplitAnomalyd(MapTransform):
    """Anomaly map and score from the tensor that holds both, each under a key of its own.

    Args:
        keys: key of the tensor: (2, H, W[, D]), the map and the score at every pixel. It is taken away.
        image_key: key of the image, whose metadata the map gets.
        map_key: key under which the map is put.
        score_key: key under which the score is put, a tensor of no axes.
        allow_missing_keys: don't raise when a key is missing.

    Raises:
        ValueError: when ``keys`` are several; in a call, when the tensor has another number of channels.

    Example:
        >>> both = torch.tensor([[[0.0, 0.25]], [[0.75, 0.75]]])
        >>> split = SplitAnomalyd("pred")({"image": torch.zeros(1, 1, 2), "pred": both})
        >>> split["anomaly_map"].tolist(), split["score"].item()
        ([[[0.0, 0.25]]], 0.75)
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        image_key: str = "image",
        map_key: str = "anomaly_map",
        score_key: str = "score",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one tensor, got {self.keys}")
        self.image_key = image_key
        self.map_key = map_key
        self.score_key = score_key

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            both = convert_to_tensor(d.pop(key), track_meta=False)
            if both.shape[0] != 2:
                raise ValueError(f"{key} {tuple(both.shape)}: expected 2 channels, the map and the score")
            d[self.map_key] = convert_to_dst_type(both[:1], d[self.image_key], dtype=torch.float32)[0]
            d[self.score_key] = both[1].flatten()[0]
        return d


SplitAnomalyD = SplitAnomalyDict = SplitAnomalyd
