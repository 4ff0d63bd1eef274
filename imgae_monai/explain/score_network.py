"""A network and its score as one differentiable module."""

from __future__ import annotations

import torch
from monai.config import PathLike
from monai.inferers import Inferer, SimpleInferer
from torch import nn

from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.calibration import Calibration, ZScoreMap
from imgae_monai.transforms.combined_score import CombinedScore
from imgae_monai.transforms.component_maps import ComponentMaps
from imgae_monai.transforms.residual_map import ResidualMap
from imgae_monai.transforms.score_definition import ScoreDefinition


class ScoreNetwork(nn.Module):
    """Image to anomaly score: reconstruction, residual map, z-score where there is one, and reduction.

    Of a combined or two-sided score each component's, and what the calibration makes of them.

    The very transforms that score an image in ``evaluate`` and ``predict``, and so the very score; here with a
    gradient, and always in full precision.

    Args:
        network: gives reconstructions of images, shape (B, C, H, W[, D]).
        score: the score's definition.
        calibration: gives the normal residuals ``mean`` and ``std``; needed only where the score is z-scored,
            combined or two-sided.
        lpips_weights: file of LPIPS's weights; needed only where a residual is one of LPIPS.
        inferer: runs the network, where the score is not that of the network alone.

    Raises:
        ValueError: when the score needs a calibration and there is none.
        InputError: when a residual needs what the network or the file don't give.

    Example:
        >>> halve = nn.Conv2d(1, 1, 1, bias=False)
        >>> _ = nn.init.constant_(halve.weight, 0.5)
        >>> ScoreNetwork(halve, ScoreDefinition("l1"))(torch.ones(2, 1, 4, 4)).tolist()
        [[0.5], [0.5]]
    """

    def __init__(
        self,
        network: nn.Module,
        score: ScoreDefinition,
        calibration: Calibration | None = None,
        lpips_weights: PathLike | None = None,
        inferer: Inferer | None = None,
    ) -> None:
        super().__init__()
        if score.z_score and calibration is None:
            raise ValueError(f"the score {score.name!r} is z-scored: it takes a calibration, got None")
        if score.components and calibration is None:
            raise ValueError(f"the score {score.name!r} is made of components: it takes a calibration, got None")
        self.network = network
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.map_name = score.map_name
        self.residual = ResidualMap(score.residual, score.smoothing_sigma, score.residual_clahe, network, lpips_weights)
        self.z_score = ZScoreMap(calibration.mean, calibration.std) if calibration and score.z_score else None
        self.reduce = AnomalyScore(score.reduction, score.top_fraction)
        self.components = ComponentMaps(score, network, lpips_weights) if score.components else None
        self.combine = CombinedScore(score, calibration) if calibration and score.components else None

    def reconstruct(self, images: torch.Tensor) -> torch.Tensor:
        """Reconstructions of images, both (B, C, H, W[, D])."""
        return self._predict(images)[:, : images.shape[1]]

    def _predict(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(images.device.type, enabled=False):
            return self.inferer(images, self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores (B, 1), float64, of images (B, C, H, W[, D]) in [0, 1]."""
        pairs = zip(images, self._predict(images), strict=True)
        with torch.autocast(images.device.type, enabled=False):
            return torch.stack([self._score(*pair) for pair in pairs])[:, None]

    def measure(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Anomaly maps (B, 1, H, W[, D]) and scores (B,), float64, as ``evaluate`` and ``predict`` have them."""
        pairs = zip(images, self._predict(images), strict=True)
        with torch.autocast(images.device.type, enabled=False):
            maps, scores = zip(*(self._measure(*pair) for pair in pairs), strict=True)
        return torch.stack(maps), torch.stack(scores)

    def _measure(self, image: torch.Tensor, prediction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        residual = self.residual(image, prediction)
        anomaly_map = residual if self.z_score is None else self.z_score(residual)
        if self.components is None or self.combine is None:
            return anomaly_map, self.reduce(anomaly_map)
        maps = self.components(image, prediction, {self.map_name: residual})
        return anomaly_map, self.combine(maps)[1]

    def _score(self, image: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
        if self.components is not None and self.combine is not None:
            return self.combine(self.components(image, prediction))[1]
        anomaly_map = self.residual(image, prediction)
        return self.reduce(anomaly_map if self.z_score is None else self.z_score(anomaly_map))
