"""Explain the score of an image in a pipeline."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection, PathLike
from monai.inferers import Inferer
from monai.transforms import MapTransform
from monai.utils import TransformBackends, convert_to_dst_type
from torch import nn

from imgae_monai.explain.explanation import METHODS, check_methods, explain
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.score_definition import ScoreDefinition


class ExplainScored(MapTransform):
    """Put one map a method beside an image, under the method's name, see :py:func:`imgae_monai.explain.explain`.

    Args:
        keys: key of the image, as the network gets it.
        network: gives its reconstruction.
        score: the score's definition.
        calibration: gives the normal residuals, where the score is z-scored.
        methods: of ``"gradient"`` and ``"occlusion"``.
        seed: of the gradient's noise, the same for every image.
        lpips_weights: file of LPIPS's weights, where the score's residual is one of LPIPS.
        inferer: runs the network, where the score is not that of the network alone.
        allow_missing_keys: don't raise when a key is missing.

    Raises:
        InputError: when a method is unknown, or a gradient is asked for of a score that has none.
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: KeysCollection,
        network: nn.Module,
        score: ScoreDefinition,
        calibration: Calibration | None = None,
        methods: Sequence[str] = METHODS,
        seed: int = 0,
        lpips_weights: PathLike | None = None,
        inferer: Inferer | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one image, got {self.keys}")
        check_methods(methods, score)
        self.network = network
        self.score = score
        self.calibration = calibration
        self.methods = methods
        self.seed = seed
        self.lpips_weights = lpips_weights
        self.inferer = inferer

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            maps = explain(
                self.network,
                image[None],
                self.score,
                self.calibration,
                self.methods,
                self.seed,
                self.lpips_weights,
                self.inferer,
            )
            d.update({method: convert_to_dst_type(array[0], image)[0] for method, array in maps.items()})
        return d


ExplainScoreD = ExplainScoreDict = ExplainScored
