"""Reliability of probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.series import series_style
from imgae_monai.visualize.style import GREY, WIDTH, add_legend, new_plot, unit_square

_SMALLEST, _LARGEST = 12, 140  # marker area in square points


def plot_reliability(
    path: str | Path | BinaryIO, bins: Sequence[Mapping[str, Any]], title: str, file_format: str | None = None
) -> None:
    """Draw the share of abnormal images over the probability that they were given, a marker a bin.

    Source: DeGroot and Fienberg, "The comparison and evaluation of forecasters", The Statistician 32, 1983.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        bins: as :func:`imgae_monai.metrics.reliability_curve` gives them: dictionaries with ``mean_probability``,
            ``share_abnormal`` and ``n`` (images).
        title: plain text.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: there is no bin, or the format is unknown.

    Example:
        >>> bins = [{"mean_probability": 0.1, "share_abnormal": 0.2, "n": 40}]
        >>> plot_reliability("reliability.pdf", bins, "Test images")  # doctest: +SKIP
    """
    if not bins:
        raise ValueError("bins must hold at least one image; got none")
    x, y, n = ([found[key] for found in bins] for key in ("mean_probability", "share_abnormal", "n"))
    figure, axes = new_plot(title, "probability given (mean of the bin)", "share of abnormal images", height=WIDTH)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="reliable")
    style = series_style(0)
    axes.plot(x, y, **style, label=f"{sum(n):,} images in {len(bins)} bins")
    areas = [_SMALLEST + (_LARGEST - _SMALLEST) * count / max(n) for count in n]
    axes.scatter(x, y, areas, color=style["color"], alpha=0.5, linewidth=0, label="area: images in the bin")
    unit_square(axes)
    add_legend(figure, axes)
    save_figure(figure, path, file_format)
