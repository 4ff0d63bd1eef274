"""How far the features of an image are from those of its reconstruction."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.utils import LossReduction
from torch import nn
from torch.nn.modules.loss import _Loss


class ReversedEmbeddingLoss(_Loss):
    """``sum_l [1/2 MSE(f_l(x), f_l(y)) + mean(1 - cos(f_l(x), f_l(y)))]`` over the levels l of an encoder.

    From Bercea et al. 2023 (MIDL), where x is an image and y its reconstruction, detached: the encoder learns to see
    in an image what it sees in the pseudo-healthy one. The cosine is between all features of an image at a level, as in
    the authors' code (its features flattened), and the mean is over the images.

    Example:
        >>> x, y = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])  # MSE 1, cosine 0
        >>> ReversedEmbeddingLoss()([x], [y]).item()
        1.5
    """

    def __init__(self) -> None:
        super().__init__(reduction=LossReduction.MEAN.value)
        self.squared_error = nn.MSELoss()
        self.cosine = nn.CosineSimilarity(dim=1)

    def forward(self, input: Sequence[torch.Tensor], target: Sequence[torch.Tensor]) -> torch.Tensor:
        """
        Args:
            input: features of the images, level by level, each of shape (B, ...).
            target: features of the reconstructions, of the same shapes.

        Raises:
            ValueError: when there is no level, or the shapes differ.
        """
        shapes = [[tuple(f.shape) for f in features] for features in (input, target)]
        if not input or shapes[0] != shapes[1]:
            raise ValueError(f"input and target should have the same shapes at one level or more, got {shapes}")
        levels = [
            0.5 * self.squared_error(x, y) + (1 - self.cosine(x.flatten(1), y.flatten(1))).mean()
            for x, y in zip(input, target, strict=True)
        ]
        return torch.stack(levels).sum()
