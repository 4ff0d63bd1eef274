"""Whether thresholds from validation normals keep their specificity on other images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.series import BAND, series_style
from imgae_monai.visualize.style import BLUE, GREY, INK, WIDTH, add_legend, new_plot, unit_square


def plot_specificity_curve(
    path: str | Path | BinaryIO,
    curve: Mapping[str, Any],
    title: str,
    threshold_at: float | None = None,
    file_format: str | None = None,
) -> None:
    """Draw the observed over the nominal specificity; on the diagonal a threshold keeps what it promises.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        curve: as :func:`imgae_monai.metrics.compute_specificity_curve` gives it and ``metrics.json`` holds it:
            ``nominal``, ``observed``, ``interval`` ((low, high) or None each) and, if known, ``n_test``.
        title: plain text.
        threshold_at: nominal specificity of the threshold in use, marked by a line. Default none is marked.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: the lists are empty or differ in length, or the format is unknown.

    Example:
        >>> curve = {"nominal": [0.9, 0.95], "observed": [0.88, 0.93], "interval": [(0.8, 0.94), (0.86, 0.97)]}
        >>> plot_specificity_curve("specificity.pdf", curve, "Test images")  # doctest: +SKIP
    """
    nominal, observed = np.asarray(curve["nominal"], float), np.asarray(curve["observed"], float)
    bounds = np.array([(np.nan, np.nan) if pair is None else pair for pair in curve["interval"]], float)
    if not len(nominal) or not len(nominal) == len(observed) == len(bounds):
        raise ValueError(
            f"nominal, observed and interval must be equally long; got {len(nominal)}, {len(observed)}, {len(bounds)}"
        )
    figure, axes = new_plot(title, "nominal specificity (validation normals)", "observed specificity", height=WIDTH)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1, label="kept as promised")
    count = f", n = {curve['n_test']:,}" if "n_test" in curve else ""
    axes.plot(nominal, observed, **series_style(0), label=f"these normal images{count}")
    if np.isfinite(bounds).any():
        axes.fill_between(nominal, *bounds.T, color=BLUE, alpha=BAND, linewidth=0, label="shaded: 95 % interval")
    if threshold_at is not None:
        axes.axvline(threshold_at, color=INK, linestyle="--", linewidth=1, label=f"threshold in use, {threshold_at:g}")
    unit_square(axes)
    add_legend(figure, axes)
    save_figure(figure, path, file_format)
