"""What scores learn from normal images, from either half of the patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.selection.map_scorer import MapScorer, Pair
from imgae_monai.selection.selection_run import SelectionRun
from imgae_monai.transforms.combination import Combination
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import ScoreDefinition


class NormalStatistics:
    """Normal residuals and how scores lie together, of either half, and Gaussians of normal codes.

    Args:
        run: network and transforms.
        parts: scores that are neither combined nor two-sided.
        codes: names of codes that are needed; their Gaussians come from the training images.
        images: clean ones, before CLAHE.
        halves: 0 or 1 of each.
    """

    def __init__(
        self,
        run: SelectionRun,
        parts: Sequence[ScoreDefinition],
        codes: Sequence[str],
        images: Sequence[torch.Tensor],
        halves: NDArray[np.intp],
    ) -> None:
        groups: dict[str, list[ScoreDefinition]] = {}
        for score in parts:
            groups.setdefault(score.map_name, []).append(score)
        self.scorers = [MapScorer(run, group) for group in groups.values()]
        self._halves = halves
        self._codes: dict[str, Gaussian] = run.fit_codes(codes) if codes else {}
        self._values: dict[str, NDArray[np.float64]] = {}
        shown = [run.finish(image) for image in images]
        pairs = [Pair(image, run.reconstruct([image])[0]) for image in shown]
        for scorer in self.scorers:
            self._values.update(scorer.fit(pairs, halves))
        for name, distances in self.distances(run.codes(codes, shown)).items():
            self._values[name] = distances

    def distances(self, codes: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float64]]:
        """Squared distances (n,) of codes (n, d) to those of the training images, by name."""
        return {
            name: np.array([float(self._codes[name].squared_distance(code)) for code in found])
            for name, found in codes.items()
        }

    def combination(self, score: ScoreDefinition, half: int) -> Combination:
        """How an image of ``half`` is scored by several scores, or two-sidedly: fitted to the other half."""
        own = self._halves == 1 - half
        values = np.stack([self._values[name][own] for name in score.components], axis=1)
        return Combination.fit(values, score.two_sided, score.components)
