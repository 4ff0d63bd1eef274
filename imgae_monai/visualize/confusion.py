"""Confusion table of the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from matplotlib.patches import Rectangle

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.style import BLUE, FONT, INK, LINE, VERMILION, new_plot

_CELLS = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))
_OPACITY = 0.45  # of a cell that holds its whole row


def plot_confusion(
    path: str | Path | BinaryIO, metrics: Mapping[str, Any], title: str, file_format: str | None = None
) -> None:
    """Draw how many images of each class were decided how, with the share of the class; blue is right.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        metrics: with ``true_positives``, ``false_positives``, ``true_negatives`` and ``false_negatives``, numbers of
            images.
        title: plain text.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: a count is negative, or the format is unknown.

    Example:
        >>> counts = {"true_positives": 3, "false_positives": 1, "true_negatives": 9, "false_negatives": 2}
        >>> plot_confusion("confusion.pdf", counts, "Test images")  # doctest: +SKIP
    """
    counts = [[int(metrics[key]) for key in row] for row in _CELLS]
    if min(map(min, counts)) < 0:
        raise ValueError(f"counts must not be negative; got {counts}")
    figure, axes = new_plot(title, "decision", "image is", height=2.2)
    axes.grid(visible=False)
    for row, (name, cells) in enumerate(zip(("normal", "abnormal"), counts, strict=True)):
        total = sum(cells)
        for column, n in enumerate(cells):
            share = n / total if total else 0
            colour = BLUE if row == column else VERMILION
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, alpha=_OPACITY * share, linewidth=0))
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=LINE, linewidth=1))
            centre: dict[str, Any] = {"horizontalalignment": "center", "verticalalignment": "center", "color": INK}
            axes.text(column + 0.5, row + 0.4, f"{n:,}", fontsize=FONT + 4, **centre)
            percent = f"{100 * share:.1f} % of {total:,} {name}" if total else f"no {name} image"
            axes.text(column + 0.5, row + 0.72, percent, fontsize=FONT - 0.5, **centre)
    axes.set(xlim=(0, 2), ylim=(2, 0))
    axes.set_xticks([0.5, 1.5], ["normal", "abnormal"])
    axes.set_yticks([0.5, 1.5], ["normal", "abnormal"], rotation=90, verticalalignment="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    save_figure(figure, path, file_format)
