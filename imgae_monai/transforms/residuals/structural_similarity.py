"""Loss of structural similarity, at one scale and at several."""

from __future__ import annotations

import torch
from monai.metrics.regression import compute_ssim_and_cs
from torch.nn.functional import pad

from imgae_monai.transforms.residuals.scales import mean_over_scales

_WINDOW = 11
_SIGMA = 1.5
_SCALES = 3


def ssim_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """``1 - SSIM(x, y)`` for each pixel's Gaussian neighbourhood (11 pixels, sigma 1.5), by MONAI.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", eq. 13. The
    borders are mirrored, so that the map keeps the images' size.

    Args:
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: of the same shape.

    Returns:
        shape (B, 1, H, W[, D]), in [0, 2], the mean over channels.

    Raises:
        ValueError: when an axis is too short for the window.
    """
    half = _WINDOW // 2
    spatial_dims = x.ndim - 2
    if min(x.shape[2:]) <= half:
        raise ValueError(f"an SSIM map needs more than {half} pixels an axis, got {tuple(x.shape[2:])}")
    x, y = (pad(images, [half] * (2 * spatial_dims), mode="reflect") for images in (x, y))
    ssim, _ = compute_ssim_and_cs(
        x,
        y,
        spatial_dims=spatial_dims,
        kernel_size=[_WINDOW] * spatial_dims,
        kernel_sigma=[_SIGMA] * spatial_dims,
        data_range=1.0,
    )
    return (1.0 - ssim).clamp_min(0.0).mean(dim=1, keepdim=True)


def multiscale_ssim_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean of :py:func:`ssim_distance` at the images' size, half and a quarter of it, each brought to full size.

    Larger scales see what the window of 11 pixels is too narrow for. This is a map after Wang et al. 2003, "Multiscale
    structural similarity for image quality assessment", and not their number: they multiply the contrast and structure
    terms of five scales, each averaged over the image and raised to a power fitted to human ratings, and take the
    luminance of the coarsest only. A product of means has no place in the image, so here each scale's whole SSIM map
    counts alike.

    Args:
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: of the same shape.

    Returns:
        shape (B, 1, H, W[, D]), in [0, 2].

    Raises:
        ValueError: when an axis is too short for the window at the coarsest scale.
    """
    shortest = (_WINDOW // 2 + 1) * 2 ** (_SCALES - 1)
    if min(x.shape[2:]) < shortest:
        raise ValueError(f"a multi-scale SSIM map needs {shortest} pixels an axis or more, got {tuple(x.shape[2:])}")
    return mean_over_scales(ssim_distance, x, y, _SCALES)
