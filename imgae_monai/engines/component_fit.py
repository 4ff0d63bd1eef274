"""What normal validation images teach about the components of a score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.transforms.combination import Combination, left_out_scores
from imgae_monai.transforms.component_scores import ComponentScores
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition


class ComponentFit:
    """Collect the components of normal images, and fit how they are made into one score.

    Each image's components leave itself out: its maps are standardised by the other images (and its codes measured by
    the training images). So does its score, with what was fitted to the others' components.

    Args:
        score: the score's definition.
    """

    def __init__(self, score: ScoreDefinition) -> None:
        self.score = score
        parsed = [ScoreDefinition.parse(name) for name in score.components if name not in CODES]
        self.moments = {s.map_name: MapMoments() for s in parsed if s.z_score}
        self.codes: Mapping[str, Gaussian] = {}
        self.rows: list[NDArray[np.float64]] = []
        self._values = ComponentScores(
            score,
            standardise=lambda name, array: self.moments[name].standardise_by_the_others(array),
            distance=lambda name, code: self.codes[name].squared_distance(code),
        )

    def observe(self, maps: Mapping[str, torch.Tensor]) -> None:
        """First pass. Args: maps: see :py:class:`imgae_monai.transforms.ComponentMaps`."""
        for name, moments in self.moments.items():
            moments.add(maps[name].double().cpu())

    def measure(self, maps: Mapping[str, torch.Tensor]) -> None:
        """Second pass, when ``codes`` are set where the score has some."""
        self.rows.append(self._values({name: array.cpu() for name, array in maps.items()}).numpy())

    def fit(self) -> tuple[Combination, NDArray[np.float64]]:
        """The combination, and each image's score by the other images.

        Raises:
            InputError: when there are too few images, or a component is the same for all of them.
        """
        values = np.stack(self.rows)
        names = self.score.components
        scores = left_out_scores(values, self.score.two_sided, names)
        return Combination.fit(values, self.score.two_sided, names), scores
