"""The score of an image from its components."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends

from imgae_monai.transforms.calibration import Calibration, ZScoreMap
from imgae_monai.transforms.component_scores import ComponentScores
from imgae_monai.transforms.score_definition import ScoreDefinition


class CombinedScore(Transform):
    """Components of a score, and the score, as the calibration fitted them to normal images.

    Args:
        score: the score's definition.
        calibration: of this score.

    Raises:
        ValueError: when the score has no components.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, score: ScoreDefinition, calibration: Calibration) -> None:
        if not score.components:
            raise ValueError(f"the score {score.name!r} is neither combined nor two-sided")
        self.combination = calibration.combination
        moments, codes = calibration.map_moments, calibration.codes
        z_scores = {name: ZScoreMap(*mean_std) for name, mean_std in moments.items()}
        self.components = ComponentScores(
            score,
            standardise=lambda name, array: z_scores[name](array),
            distance=lambda name, code: codes[name].squared_distance(code),
        )

    def __call__(self, maps: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Args:
            maps: see :py:class:`imgae_monai.transforms.ComponentMaps`.

        Returns:
            components (k,) in their own units, and the score, of no axes; float64.
        """
        values = self.components(maps)
        return values, self.combination.score(values)  # type: ignore[union-attr]


class CombinedScored(MapTransform):
    """Dictionary version of :py:class:`CombinedScore`; it leaves all as it is where a score has no components.

    Args:
        keys: key of the maps that :py:class:`imgae_monai.transforms.ComponentMapsd` put; they are taken away.
        score: the score's definition.
        calibration: of this score; it may be read late.
        output_key: key under which the score is put.
        components_key: key under which the components are put.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = CombinedScore.backend

    def __init__(
        self,
        keys: KeysCollection,
        score: ScoreDefinition,
        calibration: Calibration,
        output_key: str = "score",
        components_key: str = "components",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one dictionary of maps, got {self.keys}")
        self.score = score
        self.calibration = calibration
        self.output_key = output_key
        self.components_key = components_key

    @functools.cached_property
    def scorer(self) -> CombinedScore:
        """The array transform; made at the first call, so that a calibration may be read late."""
        return CombinedScore(self.score, self.calibration)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        if self.score.components:
            for key in self.key_iterator(d):
                d[self.components_key], d[self.output_key] = self.scorer(d.pop(key))  # type: ignore[arg-type]
        return d


CombinedScoreD = CombinedScoreDict = CombinedScored
