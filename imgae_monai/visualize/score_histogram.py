"""Histogram of the anomaly scores of both classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import check_labels, check_scores
from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.style import BLUE, INK, VERMILION, add_legend, new_plot

_BINS = 40


def plot_score_histogram(
    path: str | Path | BinaryIO,
    scores: ArrayLike,
    labels: ArrayLike,
    threshold: float,
    title: str,
    file_format: str | None = None,
) -> None:
    """Draw the scores of both classes over shared bins, with the threshold.

    Bars are shares of their own class, so that a few abnormal images stay visible beside many normal ones.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        scores: raw anomaly scores (n,), n >= 1, any unit; one class may be absent.
        labels: (n,), 0 normal and 1 abnormal.
        threshold: finite, in the unit of the scores.
        title: plain text.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: scores or labels are empty or malformed, the threshold is not finite, or the format is unknown.

    Example:
        >>> plot_score_histogram("scores.png", [0.1, 0.4, 0.8], [0, 0, 1], 0.5, "Test images")  # doctest: +SKIP
    """
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    if not len(values) or not math.isfinite(threshold):
        raise ValueError(f"a histogram needs scores and a finite threshold; got {len(values)} scores, {threshold}")
    edges = _shared_edges(np.append(values, threshold))
    figure, axes = new_plot(title, "anomaly score", "share of the class (%)")
    classes = (("normal", ~abnormal, BLUE, "-"), ("abnormal", abnormal, VERMILION, "--"))
    for name, members, colour, dashes in classes:
        share = 100 * np.histogram(values[members], edges)[0] / max(1, int(members.sum()))
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.3)
        label = f"{name}, n = {int(members.sum()):,}"
        axes.stairs(share, edges, color=colour, linestyle=dashes, linewidth=1.3, label=label)
    axes.axvline(threshold, color=INK, linestyle=":", linewidth=1.5, label=f"threshold {threshold:.4g}")
    axes.set_ylim(bottom=0)
    add_legend(figure, axes)
    save_figure(figure, path, file_format)


def _shared_edges(values: NDArray[Any]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # equal values still need bins of some width
        margin = 0.05 * abs(low) or 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, _BINS + 1)
