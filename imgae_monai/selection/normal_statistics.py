"""What scores learn from normal images, from either half of the patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.selection.map_scorer import MapScorer, Pair
from imgae_monai.selection.selection_run import SelectionRun
from imgae_monai.transforms.combination import Combination
from imgae_monai.transforms.gaussian import Gaussian, left_out_distances
from imgae_monai.transforms.score_definition import LATENT, ScoreDefinition


class NormalStatistics:
    """Normal residuals, a Gaussian of normal codes, and how scores lie together, of either half.

    Args:
        run: network and transforms.
        parts: scores that are neither combined nor two-sided.
        latent: whether codes are needed.
        images: clean ones, before CLAHE.
        halves: 0 or 1 of each.
    """

    def __init__(
        self,
        run: SelectionRun,
        parts: Sequence[ScoreDefinition],
        latent: bool,
        images: Sequence[torch.Tensor],
        halves: NDArray[np.intp],
    ) -> None:
        groups: dict[str, list[ScoreDefinition]] = {}
        for score in parts:
            groups.setdefault(score.map_name, []).append(score)
        self.scorers = [MapScorer(run, group) for group in groups.values()]
        self._halves = halves
        self._codes: list[Gaussian] = []
        self._values: dict[str, NDArray[np.float64]] = {}
        shown = [run.finish(image) for image in images]
        pairs = [Pair(image, run.reconstruct([image])[0]) for image in shown]
        for scorer in self.scorers:
            self._values.update(scorer.fit(pairs, halves))
        if latent:
            codes = torch.cat([run.encode([image]) for image in shown]).double().numpy()
            self._values[LATENT] = np.zeros(len(images))
            for half in (0, 1):
                own = halves == half
                self._codes.append(Gaussian.fit(codes[own], "codes"))
                self._values[LATENT][own] = left_out_distances(codes[own])

    def distance(self, code: torch.Tensor, half: int) -> float:
        """Squared distance of a code (d,) to those of the half that its image is not in."""
        return float(self._codes[1 - half].squared_distance(code))

    def combination(self, score: ScoreDefinition, half: int) -> Combination:
        """How an image of ``half`` is scored by several scores, or two-sidedly: fitted to the other half."""
        own = self._halves == 1 - half
        values = np.stack([self._values[name][own] for name in score.components], axis=1)
        return Combination.fit(values, score.two_sided, score.components)
