"""The residual maps and codes that the components of a score are made of."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection, PathLike
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends
from torch import nn

from imgae_monai.transforms.codes import Codes
from imgae_monai.transforms.residual_map import ResidualMap
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

MAPS_KEY = "component_maps"


class ComponentMaps(Transform):
    """Residual maps for the components of a score, each map once, and the image's codes.

    Args:
        score: the score's definition.
        network: needed where a component is a code's distance, see :py:class:`imgae_monai.transforms.Codes`, and where
            a residual needs it.
        lpips_weights: file of LPIPS's weights, where a residual is one of LPIPS.

    Raises:
        InputError: when a component is of a code that the network does not give, or what a residual needs is missing.

    Example:
        >>> maps = ComponentMaps(ScoreDefinition(combine=("l1-mean", "l1-max", "l2-mean")))
        >>> sorted(maps(torch.ones(1, 2, 2), torch.zeros(1, 2, 2)))
        ['l1', 'l2']
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self, score: ScoreDefinition, network: nn.Module | None = None, lpips_weights: PathLike | None = None
    ) -> None:
        scores = [ScoreDefinition.parse(name) for name in score.components if name not in CODES]
        self.mappers = {
            s.map_name: ResidualMap(s.residual, s.smoothing_sigma, s.residual_clahe, network, lpips_weights)
            for s in scores
        }
        self.codes = Codes(score.codes, network)

    def __call__(  # type: ignore[override]
        self, img: torch.Tensor, reconstruction: torch.Tensor, known: Mapping[str, torch.Tensor] | None = None
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            img: shape (C, H, W[, D]), values in [0, 1], on the network's device.
            reconstruction: the same shape and range.
            known: maps that there are already, by name.

        Returns:
            maps (1, H, W[, D]) by their name, see :py:attr:`ScoreDefinition.map_name`; and codes (d,).
        """
        known = known or {}
        maps = {
            name: known[name] if name in known else mapper(img, reconstruction) for name, mapper in self.mappers.items()
        }
        return {**maps, **self.codes(img)}


class ComponentMapsd(MapTransform):
    """Dictionary version of :py:class:`ComponentMaps`; it computes nothing where a score has no components.

    Args:
        keys: key of the reconstruction.
        score: as there.
        network: as there.
        lpips_weights: as there.
        image_key: key of the image that was reconstructed.
        map_key: key of the anomaly map, not standardised, which is not computed again.
        output_key: key under which the maps are put, as a dictionary.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = ComponentMaps.backend

    def __init__(
        self,
        keys: KeysCollection,
        score: ScoreDefinition,
        network: nn.Module | None = None,
        lpips_weights: PathLike | None = None,
        image_key: str = "image",
        map_key: str = "anomaly_map",
        output_key: str = MAPS_KEY,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one reconstruction, got {self.keys}")
        self.image_key = image_key
        self.map_key = map_key
        self.output_key = output_key
        self.map_name = score.map_name
        self.mapper = ComponentMaps(score, network, lpips_weights) if score.components else None

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            if self.mapper is not None:
                known = {self.map_name: d[self.map_key]} if self.map_key in d else None
                d[self.output_key] = self.mapper(d[self.image_key], d[key], known)  # type: ignore[assignment]
        return d


ComponentMapsD = ComponentMapsDict = ComponentMapsd
