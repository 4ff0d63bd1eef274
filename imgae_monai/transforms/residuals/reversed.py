"""The map of the reversed autoencoder."""

from __future__ import annotations

from collections.abc import Callable

import torch

from imgae_monai.transforms.clahe import CLAHE
from imgae_monai.transforms.residuals.gaussian import smooth

_SIGMA = 2.0


def reversed_distance(
    distance: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """``|C(x) - C(y)| * S(x, y) * S(C(x), C(y))``, C being CLAHE and S a distance of features, smoothed by 2 pixels.

    A place counts where grey values differ and where what is there looks different as well. Source: Bercea et al. 2023,
    "Generalizing unsupervised anomaly detection: towards unbiased pathology screening". Their S is LPIPS.

    Args:
        distance: :py:class:`LPIPS`, or :py:func:`feature_distance` of a network: of two batches, (B, 1, H, W[, D]).
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: of the same shape.

    Returns:
        shape (B, 1, H, W[, D]), not negative. It has no derivative.
    """
    equaliser = CLAHE()
    first, second = (torch.stack([equaliser(image) for image in images.detach()]) for images in (x, y))
    saliency = smooth(distance(x.detach(), y.detach()), _SIGMA) * smooth(distance(first, second), _SIGMA)
    return (first - second).abs().mean(dim=1, keepdim=True) * saliency
