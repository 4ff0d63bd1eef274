"""Figures of a run: curves, histograms and plots of intervals, and anomaly maps over their images."""

from __future__ import annotations

from imgae_monai.visualize.confusion import plot_confusion
from imgae_monai.visualize.differences import plot_differences
from imgae_monai.visualize.forest import plot_forest
from imgae_monai.visualize.latent import plot_latent
from imgae_monai.visualize.localization import plot_localization
from imgae_monai.visualize.losses import loss_history, plot_losses
from imgae_monai.visualize.overlays import anomaly_overlay, picture_grid, signed_overlay
from imgae_monai.visualize.precision_recall import plot_precision_recall
from imgae_monai.visualize.reliability import plot_reliability
from imgae_monai.visualize.roc import plot_roc
from imgae_monai.visualize.score_histogram import plot_score_histogram
from imgae_monai.visualize.seeds import plot_seeds
from imgae_monai.visualize.specificity_curve import plot_specificity_curve

__all__ = [
    "anomaly_overlay",
    "loss_history",
    "picture_grid",
    "plot_confusion",
    "plot_differences",
    "plot_forest",
    "plot_latent",
    "plot_localization",
    "plot_losses",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_score_histogram",
    "plot_seeds",
    "plot_specificity_curve",
    "signed_overlay",
]
