"""The common look of the figures: 100 mm wide, read at that width, on white paper or on a page's own ground.

Figures are drawn with matplotlib's object interface: pyplot keeps every figure alive, chooses a window system and is
not safe in threads. The first three series colours are Okabe and Ito's, told apart by colour-blind readers; all are of
middle lightness, with a contrast above 3 to paper and to a dark page. Line styles and markers repeat what they say.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import check_labels, check_scores

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#7A7A7A"
SERIES = (BLUE, VERMILION, "#009E73", "#C26A9B", "#009CE4", "#906054", "#808080")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# each of these stands in a figure for one thing, so that a page can put its own colour in its place
INK, DIM, LINE, CARD = "#1D1F22", "#5D636B", "#DCD9D3", "#FFFFFF"
WIDTH, HEIGHT = 100 / 25.4, 80 / 25.4  # inches
FONT = 8
_TITLE_COLUMNS, _LABEL_COLUMNS, _LEGEND_COLUMNS = 50, 54, 54  # characters that 100 mm hold
_ROW = 0.17  # inches of one line of text
_TICKS = 6  # steps of the x axis at most: small scores have long labels


def new_plot(title: str, x_label: str, y_label: str, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A figure of one plot, its title wrapped above.

    Args:
        title: plain text.
        x_label: plain text, wrapped too.
        y_label: plain text.
        height: in inches, without the legend and further lines of title and label.

    Returns:
        The figure and its axes.
    """
    lines = textwrap.wrap(plain(title), _TITLE_COLUMNS) or [""]
    x_lines = textwrap.wrap(plain(x_label), _LABEL_COLUMNS) or [""]
    height += (len(lines) + len(x_lines) - 2) * _ROW
    layout = ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.06)
    figure = Figure(figsize=(WIDTH, height), layout=layout, facecolor=CARD)
    figure.suptitle("\n".join(lines), fontsize=FONT + 1, color=INK)
    axes = figure.add_subplot(facecolor=CARD)
    axes.set_xlabel("\n".join(x_lines), fontsize=FONT, color=INK)
    axes.set_ylabel(y_label, fontsize=FONT, color=INK)
    axes.tick_params(labelsize=FONT, labelcolor=INK, color=DIM)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=_TICKS, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["left", "bottom"]].set_color(DIM)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def add_legend(figure: Figure, axes: Axes, note: str = "", handles: Sequence[Any] | None = None) -> None:
    """Put the legend below the plot, where it covers nothing, and make the figure taller by it.

    Args:
        figure: as :func:`new_plot` gives it.
        axes: whose labelled artists it shows.
        note: a line above the entries, plain text.
        handles: the artists to show. Default all that have a label.
    """
    shown = axes.get_legend_handles_labels()[0] if handles is None else list(handles)
    labels = [shorten(str(handle.get_label()), _LEGEND_COLUMNS) for handle in shown]
    columns = 2 if len(shown) > 1 and max(map(len, labels)) <= _LEGEND_COLUMNS // 2 - 4 else 1
    rows = -(-len(shown) // columns) + bool(note)
    legend = figure.legend(
        shown,
        labels,
        loc="outside lower center",
        ncols=columns,
        fontsize=FONT,
        labelcolor=INK,
        frameon=False,
        title=note or None,
        title_fontsize=FONT,
        handlelength=2.6,
        markerscale=1.3,
    )
    legend.get_title().set_color(INK)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + rows * _ROW)


def unit_square(axes: Axes) -> None:
    """Both axes from 0 to 1, equally long."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")


def whole_numbers(axes: Axes) -> None:
    """Ticks of the x axis at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def plain(text: str) -> str:
    """Text as one line of what can be printed; a control character would make an SVG unreadable."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text).split())


def shorten(text: str, columns: int) -> str:
    """Text as one line of at most so many characters: the middle goes, as names differ at their ends."""
    line = plain(text)
    if len(line) <= columns:
        return line
    head = (columns - 1) // 2
    return f"{line[:head]}…{line[len(line) - (columns - 1 - head) :]}"


def both_classes(what: str, scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores as float64 and labels as bool, or a ``ValueError`` that says what needs both classes."""
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    if abnormal.all() or not abnormal.any():
        raise ValueError(f"{what} needs normal and abnormal images; got {class_counts(abnormal)}")
    return values, abnormal


def class_counts(abnormal: NDArray[np.bool_]) -> str:
    """How many images there are of each class, in words."""
    return f"{int((~abnormal).sum()):,} normal, {int(abnormal.sum()):,} abnormal"
