"""What normal validation images teach about the components of a score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.combination import Combination, left_out_scores
from imgae_monai.transforms.component_scores import ComponentScores
from imgae_monai.transforms.gaussian import Gaussian, left_out_distances
from imgae_monai.transforms.score_definition import LATENT, ScoreDefinition

_FEWEST = 3  # a distance to the others takes two of them


class ComponentFit:
    """Collect the components of normal images, and fit how they are made into one score.

    Each image's components leave itself out: its maps are standardised, and its code's distance is measured, by the
    other images. So does its score, with what was fitted to the others' components.

    Args:
        score: the score's definition.
    """

    def __init__(self, score: ScoreDefinition) -> None:
        self.score = score
        parsed = [ScoreDefinition.parse(name) for name in score.components if name != LATENT]
        self.moments = {s.map_name: MapMoments() for s in parsed if s.z_score}
        self.codes: list[NDArray[np.float64]] = []
        self.rows: list[NDArray[np.float64]] = []
        self._values = ComponentScores(
            score,
            standardise=lambda name, array: self.moments[name].standardise_by_the_others(array),
            distance=lambda code: torch.full((), torch.nan, dtype=torch.float64),  # by the other codes, at the end
        )

    def observe(self, maps: Mapping[str, torch.Tensor]) -> None:
        """First pass. Args: maps: see :py:class:`imgae_monai.transforms.ComponentMaps`."""
        for name, moments in self.moments.items():
            moments.add(maps[name].double().cpu())
        if LATENT in maps:
            self.codes.append(maps[LATENT].double().cpu().numpy())
        if not self.moments:
            self.measure(maps)

    def measure(self, maps: Mapping[str, torch.Tensor]) -> None:
        """Second pass, needed where a component is z-scored."""
        self.rows.append(self._values({name: array.cpu() for name, array in maps.items()}).numpy())

    def fit(self) -> tuple[Combination, Gaussian | None, NDArray[np.float64]]:
        """The combination, the codes' Gaussian, and each image's score by the other images.

        Raises:
            InputError: when there are too few images, or a component is the same for all of them.
        """
        values, latent = np.stack(self.rows), None
        names = self.score.components
        if self.codes:
            codes = np.stack(self.codes)
            latent = Gaussian.fit(codes, "codes")
            if len(codes) < _FEWEST:
                raise InputError(f"latent needs at least {_FEWEST} normal validation images, got {len(codes)}")
            values[:, names.index(LATENT)] = left_out_distances(codes)
        scores = left_out_scores(values, self.score.two_sided, names)
        return Combination.fit(values, self.score.two_sided, names), latent, scores
