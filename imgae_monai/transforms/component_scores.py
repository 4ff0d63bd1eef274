"""The components of a score as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_tensor

from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.score_definition import LATENT, ScoreDefinition


class ComponentScores(Transform):
    """One number a component of a score, in the order of :py:attr:`ScoreDefinition.components`.

    Args:
        score: the score's definition.
        standardise: takes a map's name and the map, and standardises it pixel by pixel; for components with ``-z``.
        distance: of a code, for ``"latent"``.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        score: ScoreDefinition,
        standardise: Callable[[str, torch.Tensor], torch.Tensor],
        distance: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self.components = [None if name == LATENT else ScoreDefinition.parse(name) for name in score.components]
        self.standardise = standardise
        self.distance = distance

    def __call__(self, maps: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """
        Args:
            maps: see :py:class:`imgae_monai.transforms.ComponentMaps`.

        Returns:
            shape (k,), float64.
        """
        plain = {name: convert_to_tensor(x, track_meta=False, dtype=torch.float64) for name, x in maps.items()}
        z_scored = dict.fromkeys(c.map_name for c in self.components if c and c.z_score)
        standardised = {name: self.standardise(name, plain[name]) for name in z_scored}
        return torch.stack(
            [
                self.distance(plain[LATENT])
                if component is None
                else AnomalyScore(component.reduction, component.top_fraction)(
                    (standardised if component.z_score else plain)[component.map_name]
                )
                for component in self.components
            ]
        )
