"""Codes of images in two dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from imgae_monai.metrics.binary import check_labels
from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.style import BLUE, VERMILION, WIDTH, add_legend, new_plot

_AS_PIXELS = 2000  # points above which a vector file would be large and slow


def plot_latent(
    path: str | Path | BinaryIO,
    points: ArrayLike,
    labels: ArrayLike,
    title: str,
    axis_labels: tuple[str, str] = ("component 1", "component 2"),
    file_format: str | None = None,
) -> None:
    """Draw a point an image: normal ones as blue discs, abnormal ones as vermilion triangles.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file; more than 2,000 points become pixels
            in a vector file.
        points: (n, 2), from PCA or t-SNE for instance.
        labels: (n,), 0 normal and 1 abnormal.
        title: plain text.
        axis_labels: of the two columns.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: points are not finite (n, 2) with n >= 1, labels are malformed, or the format is unknown.

    Example:
        >>> plot_latent("latent.pdf", [[0.1, 0.2], [0.8, 0.4]], [0, 1], "PCA of codes")  # doctest: +SKIP
    """
    positions = np.asarray(points, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions) or not np.isfinite(positions).all():
        raise ValueError(f"points must be finite (n, 2), n >= 1; got {positions.shape}")
    abnormal = check_labels(labels, len(positions))
    figure, axes = new_plot(title, *axis_labels, height=WIDTH)
    classes = (("normal", ~abnormal, BLUE, "o"), ("abnormal", abnormal, VERMILION, "^"))
    for name, members, colour, marker in classes:
        axes.plot(
            *positions[members].T,
            marker,
            color=colour,
            markersize=3.5,
            markeredgewidth=0,
            alpha=0.6,
            rasterized=len(positions) > _AS_PIXELS,
            label=f"{name}, n = {int(members.sum()):,}",
        )
    add_legend(figure, axes)
    save_figure(figure, path, file_format)
