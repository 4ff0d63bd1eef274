"""A reduction that leaves the images of a batch apart or not."""

from __future__ import annotations

import torch
from monai.utils import LossReduction


def reduce_images(values: torch.Tensor, reduction: str) -> torch.Tensor:
    """Sum the values of each image, then reduce the images.

    Args:
        values: shape (B, ...).
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` over the images.

    Returns:
        a scalar, or with ``"none"`` shape (B,).
    """
    images = values.flatten(1).sum(dim=1)
    if reduction == LossReduction.NONE:
        return images
    return images.mean() if reduction == LossReduction.MEAN else images.sum()
