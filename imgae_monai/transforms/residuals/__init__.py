"""Distances between images and their reconstructions, pixel by pixel: (B, C, H, W[, D]) twice to (B, 1, H, W[, D])."""

from __future__ import annotations

from .gradient_magnitude import gradient_magnitude_distance
from .structural_similarity import multiscale_ssim_distance, ssim_distance

__all__ = ["gradient_magnitude_distance", "multiscale_ssim_distance", "ssim_distance"]
