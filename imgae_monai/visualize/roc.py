"""ROC curves of one or several models on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import compute_auroc, count_above
from imgae_monai.metrics.curve_bands import CurveBand
from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.series import check_series, draw_band, series_style
from imgae_monai.visualize.style import GREY, WIDTH, add_legend, both_classes, class_counts, new_plot, unit_square
from imgae_monai.visualize.thinning import thin_rising


def plot_roc(
    path: str | Path | BinaryIO,
    series: Mapping[str, ArrayLike],
    labels: ArrayLike,
    title: str,
    bands: Mapping[str, CurveBand] | None = None,
    file_format: str | None = None,
) -> None:
    """Draw ROC curves with their areas, and bands where they are given.

    Source: Hanley and McNeil, Radiology 143, 1982; tied scores form one oblique step, as in the area.

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
        >>> plot_roc("roc.png", {"model": [0.1, 0.4, 0.6, 0.8]}, [0, 1, 0, 1], "Test images")  # doctest: +SKIP
    """
    bands = check_series(series, bands)
    figure, axes = new_plot(title, "1 - specificity (false-positive rate)", "sensitivity", height=WIDTH)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="chance, 0.500")
    for index, (name, scores) in enumerate(series.items()):
        values, abnormal = both_classes("a ROC curve", scores, labels)
        true_positives, false_positives = count_above(values, abnormal)
        points = thin_rising(false_positives / false_positives[-1], true_positives / true_positives[-1])
        axes.plot(*points, **series_style(index), label=f"{name}: AUROC {compute_auroc(values, abnormal):.3f}")
        draw_band(axes, index, bands.get(name))
    unit_square(axes)
    add_legend(figure, axes, note=class_counts(abnormal))
    save_figure(figure, path, file_format)
