"""The components of a score as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_tensor

from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition


class ComponentScores(Transform):
    """One number a component of a score, in the order of :py:attr:`ScoreDefinition.components`.

    Args:
        score: the score's definition.
        standardise: takes a map's name and the map, and standardises it pixel by pixel; for components with ``-z``.
        distance: takes a code's name and the code, and tells how far from normal ones it is.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        score: ScoreDefinition,
        standardise: Callable[[str, torch.Tensor], torch.Tensor],
        distance: Callable[[str, torch.Tensor], torch.Tensor],
    ) -> None:
        self.components = [name if name in CODES else ScoreDefinition.parse(name) for name in score.components]
        self.standardise = standardise
        self.distance = distance

    def __call__(self, maps: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """
        Args:
            maps: see :py:class:`imgae_monai.transforms.ComponentMaps`; there may be more than are needed.

        Returns:
            shape (k,), float64.
        """
        needed = dict.fromkeys(c if isinstance(c, str) else c.map_name for c in self.components)
        plain = {name: convert_to_tensor(maps[name], track_meta=False, dtype=torch.float64) for name in needed}
        scored = [component for component in self.components if isinstance(component, ScoreDefinition)]
        z_scored = dict.fromkeys(component.map_name for component in scored if component.z_score)
        standardised = {name: self.standardise(name, plain[name]) for name in z_scored}
        return torch.stack(
            [
                self.distance(component, plain[component])
                if isinstance(component, str)
                else AnomalyScore(component.reduction, component.top_fraction)(
                    (standardised if component.z_score else plain)[component.map_name]
                )
                for component in self.components
            ]
        )
