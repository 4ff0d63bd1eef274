"""Figures of a run: curves, histograms and plots of intervals, and anomaly maps over their images."""

from __future__ import annotations

from imgae_monai.visualize.losses import plot_losses
from imgae_monai.visualize.overlays import anomaly_overlay, picture_grid
from imgae_monai.visualize.precision_recall import plot_precision_recall
from imgae_monai.visualize.roc import plot_roc
from imgae_monai.visualize.score_histogram import plot_score_histogram

__all__ = [
    "anomaly_overlay",
    "picture_grid",
    "plot_losses",
    "plot_precision_recall",
    "plot_roc",
    "plot_score_histogram",
]
