"""Distance of what a network makes of images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import normalize

from imgae_monai.transforms.residuals.of_network import in_eval_mode, wants_gradient
from imgae_monai.transforms.residuals.scales import resize

_EPSILON = 1e-6


def feature_distance(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Distance of the network's own features of two images, the mean over its levels, each brought to full size.

    At a level: half the squared difference of the features, scaled to length 1 over the channels, which is
    ``1 - cos(f(x), f(y))``, and where one of them is zero throughout 1/2, where both are 0. So LPIPS without its
    weights (Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric", eq. 1), up to
    the factor 1/2 a level, and with the network that was trained on normal images in place of one trained on
    photographs.

    Args:
        network: ``features(x)`` gives tensors (B, C_l, H_l, W_l[, D_l]), one a level; it runs in eval mode.
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: of the same shape.

    Returns:
        shape (B, 1, H, W[, D]), in [0, 2]. It has a graph only where ``x`` or ``y`` asks for a gradient.
    """
    with in_eval_mode(network, wants_gradient(x, y)):
        levels: list[torch.Tensor] = network.features(torch.cat([x, y]))  # type: ignore[operator]
        return level_distance([level.chunk(2) for level in levels], x.shape[2:])


def level_distance(levels: Sequence[Sequence[torch.Tensor]], size: Sequence[int]) -> torch.Tensor:
    """The same of features that are there already.

    Args:
        levels: features of both, twice (B, C_l, H_l, W_l[, D_l]), one pair a level.
        size: H, W[, D].
    """
    distances = []
    for pair in levels:
        first, second = (normalize(features, dim=1, eps=_EPSILON) for features in pair)
        distances.append(resize((first - second).square().sum(dim=1, keepdim=True) / 2, size))
    return torch.stack(distances).mean(dim=0)
