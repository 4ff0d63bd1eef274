"""Loss of gradient magnitude similarity."""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from imgae_monai.transforms.residuals.scales import mean_over_scales

_CONSTANT = 170 / 255**2  # 170 for grey values up to 255
_SCALES = 4


def gradient_magnitude_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``1 - GMS(x, y)``, the mean over the images at sizes 1, 1/2, 1/4 and 1/8, each brought to full size.

    ``GMS = (2 g(x) g(y) + c) / (g(x)^2 + g(y)^2 + c)`` with ``g`` the length of the Prewitt gradient and c = 0.0026:
    Xue et al. 2014, "Gradient magnitude similarity deviation", eq. 1 to 4, their c = 170 for grey values up to 255. The
    scales are those of Zavrtanik et al. 2021, "Reconstruction by inpainting for visual anomaly detection" (RIAD,
    MSGMS). It sees edges that are missing, too many or weaker, and no difference of brightness. In 3-D the Prewitt
    filter averages over the two other axes, as ``scipy.ndimage.prewitt`` does. Borders are mirrored.

    Args:
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: of the same shape.

    Returns:
        shape (B, 1, H, W[, D]), in [0, 1], the mean over channels.

    Raises:
        ValueError: when an axis is too short for the coarsest scale.
    """
    shortest = 2**_SCALES
    if min(x.shape[2:]) < shortest:
        raise ValueError(f"a GMS map needs {shortest} pixels an axis or more, got {tuple(x.shape[2:])}")
    return mean_over_scales(_distance, x, y, _SCALES)


def _distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    # (a^2 + b^2 + c - 2ab - c) / (a^2 + b^2 + c), which is 0 at equality without rounding
    first, second = _magnitude(x), _magnitude(y)
    distance = (first - second).square() / (first.square() + second.square() + _CONSTANT)
    return distance.mean(dim=1, keepdim=True)


def _magnitude(images: torch.Tensor) -> torch.Tensor:
    axes = range(2, images.ndim)
    padded = pad(images, [1] * (2 * len(axes)), mode="reflect")
    square = torch.zeros_like(images)
    for along in axes:
        part = padded
        for axis in axes:
            first, middle, last = (part.narrow(axis, start, part.shape[axis] - 2) for start in range(3))
            part = last - first if axis == along else (first + middle + last) / 3
        square = square + part.square()
    # the root has no derivative at 0
    return (square + 1e-12).sqrt()
