"""Image to score, map and decision: a network, its score and its calibration in one module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.config import PathLike
from torch import nn

from imgae_monai.export.clahe import BatchedCLAHE
from imgae_monai.export.code_distance import BatchedCodeDistance
from imgae_monai.export.combination import BatchedCombination
from imgae_monai.export.image_pair import ImagePair
from imgae_monai.export.reduction import BatchedReduction, BatchedZScore
from imgae_monai.export.residual import BatchedResidual, mapped_scores, takes_equalised
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.prediction import learned_log_variance, members_disagreement, split_prediction
from imgae_monai.transforms.residuals import check_features
from imgae_monai.transforms.score_definition import CODES

OUTPUTS = ("score", "anomaly_map", "decision")
_OF_FEATURES = ("features", "reversed")


class ScoreModel(nn.Module):
    """What ``predict`` computes between resizing an image and writing its results, for a whole batch at once.

    The same steps as the transforms of a bundle's ``inference.json``, which work image by image and with metadata, in
    operations that ONNX, TorchScript and ``torch.export`` know; numbers that a calibration holds are buffers.

    Args:
        network: in eval mode; its weights are part of the module.
        calibration: of the score.
        size: of the images, (H, W[, D]).
        equaliser: CLAHE of the input, None where the network takes images as they are.
        predictor: gives the prediction, where that is not the network's own but an ensemble's.
        lpips_weights: file of LPIPS's weights, where a residual is one of LPIPS.

    Raises:
        InputError: when the score can't be exported, or the network does not give what it takes.

    Example:
        >>> from imgae_monai.transforms import ScoreDefinition
        >>> halve = nn.Conv2d(1, 1, 1, bias=False)
        >>> _ = nn.init.constant_(halve.weight, 0.5)
        >>> mean, std = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
        >>> normal = Calibration(0.4, 0.95, mean, std, 1.0, 9, ScoreDefinition(), "", "")
        >>> outputs = ScoreModel(halve, normal, (4, 4))(torch.ones(2, 1, 4, 4))
        >>> outputs["score"].tolist(), outputs["decision"].tolist(), tuple(outputs["anomaly_map"].shape)
        ([0.5, 0.5], [1, 1], (2, 1, 4, 4))
    """

    threshold: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        calibration: Calibration,
        size: Sequence[int],
        equaliser: BatchedCLAHE | None = None,
        predictor: nn.Module | None = None,
        lpips_weights: PathLike | None = None,
    ) -> None:
        super().__init__()
        score = calibration.score
        base, *components = mapped_scores(score)
        scored = {part.name: part for part in (base, *components)}
        for part in scored.values():
            if part.residual in _OF_FEATURES:
                check_features(network, part.residual)
        self.network = network
        self.predictor = predictor
        self.equaliser = equaliser
        self.base = base.name
        self.components = score.components
        self.map_names = {name: part.map_name for name, part in scored.items()}
        # names as "l1-sigma0.5" are no names of modules
        self.numbers = {name: str(i) for i, name in enumerate(dict.fromkeys(self.map_names.values()))}
        by_map = {part.map_name: part for part in scored.values()}
        self.maps = nn.ModuleDict(
            {self.numbers[name]: BatchedResidual(part, size, lpips_weights) for name, part in by_map.items()}
        )
        equalised = any(takes_equalised(part) for part in scored.values())
        self.map_equaliser = BatchedCLAHE(size) if equalised else None
        self.z_score = BatchedZScore(calibration.mean, calibration.std) if score.z_score else None
        self.reduce = BatchedReduction(score.reduction, score.top_fraction, size)
        self.reductions = nn.ModuleList(BatchedReduction(c.reduction, c.top_fraction, size) for c in components)
        self.z_scores = nn.ModuleList(
            BatchedZScore(*calibration.map_moments[c.map_name], torch.float64) if c.z_score else nn.Identity()
            for c in components
        )
        with torch.no_grad():
            pair = self._pair(torch.zeros(1, 1, *size))
            _check_prediction(pair, {part.residual for part in scored.values()})
            self.distances = nn.ModuleDict(
                {name: BatchedCodeDistance(name, calibration.codes[name], pair) for name in score.codes}
            )
        combination = calibration.combination if score.components else None
        self.combine = None if combination is None else BatchedCombination(combination)
        self.register_buffer("threshold", torch.tensor(calibration.threshold, dtype=torch.float64))

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            image: shape (B, 1, H, W[, D]), float32, values in [0, 1], brought to size and not yet equalised.

        Returns:
            ``score`` (B,), float64; ``anomaly_map`` (B, 1, H, W[, D]), float32; ``decision`` (B,), int64, 1 where the
            score is above the threshold.
        """
        pair = self._pair(image)
        maps = {name: self.maps[number](pair) for name, number in self.numbers.items()}
        anomaly_map = maps[self.map_names[self.base]]
        if self.z_score is not None:
            anomaly_map = self.z_score(anomaly_map)
        score = self.reduce(anomaly_map) if self.combine is None else self.combine(self._components(pair, maps))
        return {"score": score, "anomaly_map": anomaly_map, "decision": (score > self.threshold).long()}

    def _pair(self, image: torch.Tensor) -> ImagePair:
        if self.equaliser is not None:
            image = self.equaliser(image)
        prediction = self.network(image) if self.predictor is None else self.predictor(image)
        return ImagePair(image, prediction, self.network, self.map_equaliser, self.predictor is not None)

    def _components(self, pair: ImagePair, maps: dict[str, torch.Tensor]) -> torch.Tensor:
        values = []
        of_maps = iter(zip(self.z_scores, self.reductions, strict=True))
        for name in self.components:
            if name in CODES:
                values.append(self.distances[name](pair))
            else:
                standardise, reduce = next(of_maps)
                values.append(reduce(standardise(maps[self.map_names[name]].double())))
        return torch.stack(values, dim=1)


def _check_prediction(pair: ImagePair, residuals: set[str]) -> None:
    prediction = split_prediction(pair.prediction[0], 1)
    if "likelihood" in residuals:
        learned_log_variance(prediction)
    if "disagreement" in residuals:
        members_disagreement(prediction)
