"""Distances between images and their reconstructions, pixel by pixel: (B, C, H, W[, D]) twice to (B, 1, H, W[, D])."""

from __future__ import annotations

from .features import feature_distance, level_distance
from .gaussian import smooth
from .gradient_magnitude import gradient_magnitude_distance
from .input_gradient import input_gradient
from .lpips import LPIPS
from .of_network import check_features, check_network
from .reversed import reversed_distance
from .structural_similarity import multiscale_ssim_distance, ssim_distance

__all__ = [
    "LPIPS",
    "check_features",
    "check_network",
    "feature_distance",
    "gradient_magnitude_distance",
    "input_gradient",
    "level_distance",
    "multiscale_ssim_distance",
    "reversed_distance",
    "smooth",
    "ssim_distance",
]
