"""How far codes of a batch are from those of normal images."""

from __future__ import annotations

import torch
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.export.cell_means import CellMeans
from imgae_monai.export.image_pair import ImagePair
from imgae_monai.transforms.codes import encode_mean, joint_means, kept_axes
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import FEATURE_GAUSSIAN, LATENT


class BatchedCodeDistance(nn.Module):
    """Squared Mahalanobis distance of each image's code, see :py:class:`imgae_monai.transforms.Codes`.

    Args:
        name: which code.
        gaussian: of normal images' codes.
        pair: any, to learn how many axes the code has.

    Raises:
        InputError: when the code has other axes than the calibration's.
    """

    mean: torch.Tensor
    precision: torch.Tensor
    kept: torch.Tensor | None

    def __init__(self, name: str, gaussian: Gaussian, pair: ImagePair) -> None:
        super().__init__()
        self.name = name
        self.register_buffer("mean", gaussian.mean)
        self.register_buffer("precision", gaussian.precision)
        self.means = None if name == LATENT else CellMeans([features for features, _ in pair.features()])
        n_axes = self._all_axes(pair).shape[1]
        self.register_buffer("kept", None if name == LATENT else kept_axes(n_axes), persistent=False)
        n_kept = n_axes if self.kept is None else len(self.kept)
        if n_kept != len(self.mean):
            raise InputError(
                f"the code {name} has {n_kept} axes, the calibration {len(self.mean)}: make a new one, imgae-monai "
                "calibrate RUN (same score options)"
            )

    def forward(self, pair: ImagePair) -> torch.Tensor:
        """
        Args:
            pair: images and what the network made of them.

        Returns:
            shape (B,), float64.
        """
        code = self._all_axes(pair)
        if self.kept is not None:
            code = code.index_select(1, self.kept)
        centred = code.double() - self.mean
        return (centred @ self.precision * centred).sum(1)

    def _all_axes(self, pair: ImagePair) -> torch.Tensor:
        if self.name == LATENT:
            return encode_mean(pair.network, pair.images)
        if self.name == FEATURE_GAUSSIAN:
            return self.means([features for features, _ in pair.features()])  # type: ignore[misc]
        return joint_means(pair.own_features(), self.means)
