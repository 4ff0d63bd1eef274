"""All scores of one residual map of an image, with what they learn from normal images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.metrics.pixel_ranking import PixelRanking
from imgae_monai.selection.selection_run import SelectionRun
from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.calibration import ZScoreMap
from imgae_monai.transforms.clahe import CLAHE
from imgae_monai.transforms.score_definition import ScoreDefinition

_PIXELS = 4096  # of a map that its ranking is taken from


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image as the network gets it, (C, H, W[, D]), and what the network gives, whose first C channels show it.

    CLAHE, which takes longer than any residual, is done once for all maps.
    """

    image: torch.Tensor
    reconstruction: torch.Tensor

    @functools.cached_property
    def equalised(self) -> Pair:
        """Both after CLAHE, as ``residual_clahe`` has it."""
        equalise = CLAHE()
        return Pair(equalise(self.image), equalise(self.reconstruction[: len(self.image)]))


class ScoredMap:
    """What one map says of one image.

    Args:
        values: score by name.
        maps: the map as it is (False), and standardised (True) where a score needs that.
    """

    def __init__(self, values: dict[str, float], maps: dict[bool, torch.Tensor]) -> None:
        self.values = values
        self._maps = maps
        self._areas: dict[bool, float | None] = {}

    def pixel_auroc(self, z_score: bool, truth: NDArray[np.bool_]) -> float | None:
        """AUROC of pixels that were changed among all of the image, from some 4,096 evenly spaced ones at most.

        Args:
            z_score: which of the two maps.
            truth: where the image was changed, (H, W[, D]).

        Returns:
            None where no pixel was changed, or all.
        """
        if z_score not in self._areas:
            flat = self._maps[z_score].numpy().ravel()
            # an odd step, as an even one falls on the same columns in every row
            step = max(1, flat.size // _PIXELS) | 1
            flat, inside = flat[::step], truth.ravel()[::step]
            defined = inside.any() and not inside.all()
            self._areas[z_score] = PixelRanking(flat[inside], flat[~inside]).area() if defined else None
        return self._areas[z_score]


class MapScorer:
    """Scores that share a residual map, which is computed once.

    Args:
        run: gives the map.
        scores: with the same map, neither combined nor two-sided.
    """

    def __init__(self, run: SelectionRun, scores: Sequence[ScoreDefinition]) -> None:
        self.scores = scores
        self._equalise = scores[0].residual_clahe
        self._transform = run.map_transform(dataclasses.replace(scores[0], residual_clahe=False))
        self._reduce = {score.name: AnomalyScore(score.reduction, score.top_fraction) for score in scores}
        self._standardise: list[ZScoreMap] = []
        self._learns = any(score.z_score for score in scores)

    def residual(self, pair: Pair) -> torch.Tensor:
        """The map of an image, (1, H, W[, D])."""
        shown = pair.equalised if self._equalise else pair
        out: torch.Tensor = self._transform({"image": shown.image, "pred": shown.reconstruction})["anomaly_map"]
        return out

    def fit(self, pairs: Sequence[Pair], halves: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
        """Learn the normal residuals of either half.

        Args:
            pairs: of normal images.
            halves: 0 or 1 of each.

        Returns:
            by score, each image's value by the *other* images of its own half: what a combination is fitted to.
        """
        maps = torch.stack([self.residual(pair) for pair in pairs]).double()
        values = {score.name: np.zeros(len(pairs)) for score in self.scores}
        for half in (0, 1):
            own = np.flatnonzero(halves == half)
            moments = MapMoments()
            for array in maps[own]:
                moments.add(array)
            if self._learns:
                mean, std = moments.mean_std()
                self._standardise.append(ZScoreMap(mean.float(), std.float()))
            for i, array in zip(own, maps[own], strict=True):
                standardised = moments.standardise_by_the_others(array) if self._learns else array
                for score in self.scores:
                    values[score.name][i] = float(self._reduce[score.name](standardised if score.z_score else array))
        return values

    def __call__(self, pair: Pair, half: int) -> ScoredMap:
        """Score an image by what the half that it is not in has taught.

        Args:
            pair: the image and its reconstruction.
            half: of the image, or of that which it is a copy of.
        """
        maps = {False: self.residual(pair)}
        if self._learns:
            maps[True] = self._standardise[1 - half](maps[False])
        values = {score.name: float(self._reduce[score.name](maps[score.z_score])) for score in self.scores}
        return ScoredMap(values, maps)
