"""Precision-recall curves of one or several models on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import compute_average_precision, count_above
from imgae_monai.metrics.curve_bands import CurveBand
from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.series import check_series, draw_band, series_style
from imgae_monai.visualize.style import GREY, WIDTH, add_legend, both_classes, class_counts, new_plot, unit_square
from imgae_monai.visualize.thinning import thin_steps


def plot_precision_recall(
    path: str | Path | BinaryIO,
    series: Mapping[str, ArrayLike],
    labels: ArrayLike,
    title: str,
    bands: Mapping[str, CurveBand] | None = None,
    file_format: str | None = None,
) -> None:
    """Draw step-wise precision-recall curves, their average precisions and the chance line at the prevalence.

    Source: scikit-learn's ``average_precision_score``: the area below these steps is the average precision.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        series: name of a model to its raw anomaly scores (n,), higher is more abnormal; all of the same images.
        labels: (n,), 0 normal and 1 abnormal.
        title: plain text.
        bands: name of a model to its band, see :func:`imgae_monai.metrics.compute_curve_bands`.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: a class is absent, scores or labels are malformed, a band is of no series, or the format is unknown.

    Example:
        >>> plot_precision_recall("pr.png", {"model": [0.1, 0.4, 0.8]}, [0, 1, 1], "Test images")  # doctest: +SKIP
    """
    bands = check_series(series, bands)
    figure, axes = new_plot(title, "recall (sensitivity)", "precision", height=WIDTH)
    curves = [(name, *both_classes("a precision-recall curve", scores, labels)) for name, scores in series.items()]
    abnormal = curves[0][2]
    prevalence = float(abnormal.mean())
    axes.axhline(prevalence, color=GREY, linestyle=":", linewidth=1, label=f"chance, {prevalence:.3f} (prevalence)")
    for index, (name, values, _) in enumerate(curves):
        true_positives, false_positives = count_above(values, abnormal)
        precision = true_positives[1:] / (true_positives[1:] + false_positives[1:])
        recall, precision = thin_steps(true_positives / true_positives[-1], precision)
        label = f"{name}: average precision {compute_average_precision(values, abnormal):.3f}"
        axes.step(recall, np.append(precision[:1], precision), where="pre", **series_style(index), label=label)
        draw_band(axes, index, bands.get(name))
    unit_square(axes)
    add_legend(figure, axes, note=class_counts(abnormal))
    save_figure(figure, path, file_format)
