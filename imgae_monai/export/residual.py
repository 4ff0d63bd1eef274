"""The residual map of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.config import PathLike
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.export.image_pair import ImagePair
from imgae_monai.export.smoothing import BatchedSmoothing
from imgae_monai.transforms.residuals import (
    LPIPS,
    gradient_magnitude_distance,
    level_distance,
    multiscale_ssim_distance,
    ssim_distance,
)
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

_OF_IMAGES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "ssim": ssim_distance,
    "ms_ssim": multiscale_ssim_distance,
    "gms": gradient_magnitude_distance,
}
_REVERSED = ("reversed", "reversed_lpips")
_REVERSED_SIGMA = 2.0
EXPORTED = ("l1", "l2", *_OF_IMAGES, "features", *_REVERSED, "lpips", "likelihood", "disagreement")


def check_exported(residual: str) -> None:
    """Make sure that a residual map can leave this package.

    Raises:
        InputError: when it can't; names those that can.
    """
    if residual not in EXPORTED:
        raise InputError(
            f"the residual {residual!r} takes a derivative for each image, which no exported file computes: choose "
            f"another --residual, or other names in --combine, of {', '.join(EXPORTED)} (and calibrate)"
        )


def mapped_scores(score: ScoreDefinition) -> list[ScoreDefinition]:
    """The scores of maps that a score is made of, that of its own map first.

    Raises:
        InputError: when one of them can't be exported.
    """
    components = [ScoreDefinition.parse(name) for name in score.components if name not in CODES]
    for part in (score.base, *components):
        check_exported(part.residual)
    return [score.base, *components]


def takes_equalised(score: ScoreDefinition) -> bool:
    """Whether a map needs CLAHE of images and reconstructions."""
    return score.residual_clahe or score.residual in _REVERSED


class BatchedResidual(nn.Module):
    """What :py:class:`imgae_monai.transforms.ResidualMap` makes of each image and reconstruction of a batch.

    Args:
        score: tells residual, smoothing and CLAHE.
        size: of the images, (H, W[, D]).
        lpips_weights: file of LPIPS's weights, where the residual is one of LPIPS.

    Raises:
        InputError: when the residual can't be exported, or LPIPS has no weights.
    """

    def __init__(self, score: ScoreDefinition, size: Sequence[int], lpips_weights: PathLike | None = None) -> None:
        super().__init__()
        check_exported(score.residual)
        self.residual = score.residual
        self.clahe = score.residual_clahe
        sigma = score.smoothing_sigma
        self.smooth = BatchedSmoothing(size, sigma) if sigma else nn.Identity()
        self.smooth_features = BatchedSmoothing(size, _REVERSED_SIGMA) if self.residual in _REVERSED else nn.Identity()
        self.lpips = LPIPS(lpips_weights) if self.residual in ("lpips", "reversed_lpips") else None

    def forward(self, pair: ImagePair) -> torch.Tensor:
        """
        Args:
            pair: images and what the network made of them.

        Returns:
            shape (B, 1, H, W[, D]), not negative.
        """
        if self.residual in ("l1", "l2", "likelihood"):
            return self._of_difference(pair)
        if self.residual == "disagreement":
            return self.smooth(pair.disagreement)
        return self.smooth(self._distance(pair))

    def _of_difference(self, pair: ImagePair) -> torch.Tensor:
        first, second = pair.views(self.clahe)
        difference = self.smooth(first - second)
        if self.residual == "l1":
            return difference.abs()
        square = difference.square()
        return square * torch.exp(-pair.log_variance) if self.residual == "likelihood" else square

    def _distance(self, pair: ImagePair) -> torch.Tensor:
        if self.residual in _OF_IMAGES:
            return _OF_IMAGES[self.residual](*pair.views(self.clahe))
        if self.residual not in _REVERSED:
            return self._of_features(pair, self.clahe)
        first, second = pair.views(clahe=True)
        saliency = self.smooth_features(self._of_features(pair, False))
        return (first - second).abs() * (saliency * self.smooth_features(self._of_features(pair, True)))

    def _of_features(self, pair: ImagePair, clahe: bool) -> torch.Tensor:
        if self.lpips is not None:
            return self.lpips(*pair.views(clahe))
        return level_distance(pair.features(clahe), pair.images.shape[2:])
