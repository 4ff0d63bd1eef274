"""Pictures of a run: curves of scores and losses, and anomaly maps over their images."""

from __future__ import annotations

from imgae_monai.visualize.curves import plot_losses, plot_precision_recall, plot_roc, plot_score_histogram
from imgae_monai.visualize.overlays import anomaly_overlay, picture_grid

__all__ = [
    "anomaly_overlay",
    "picture_grid",
    "plot_losses",
    "plot_precision_recall",
    "plot_roc",
    "plot_score_histogram",
]
