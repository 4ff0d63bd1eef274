"""Rows of values with intervals: a line of text, and below it the interval over a common axis.

Text has the whole width, so that long names and numbers fit into 100 mm and stay legible on a phone; where both don't
fit into one line, the numbers have a line of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imgae_monai.visualize.style import BLUE, CARD, DIM, FONT, INK, LINE, new_plot, plain, shorten

_LINE, _BAR, _HEADING, _REST = 0.17, 0.14, 0.23, 0.85  # inches of a line, an interval, a heading, and around them
_COLUMNS = 59  # characters of a line


@dataclass(frozen=True)
class IntervalRow:
    """One row.

    Args:
        label: whose value it is; its middle is left out where it is too long.
        value: None where it is undefined.
        interval: (low, high), or None.
        numbers: the same as text, at the right.
        group: rows that follow each other with the same group stand below its name.
        dots: single values beside the one value.
        colour: of the marker.
        marker: a filled matplotlib marker.
        hollow: whether the marker is drawn as an outline.
    """

    label: str
    value: float | None
    interval: Sequence[float] | None
    numbers: str
    group: str = ""
    dots: Sequence[float] = field(default=())
    colour: str = BLUE
    marker: str = "o"
    hollow: bool = False

    def __post_init__(self) -> None:
        given = [*self.dots, *([] if self.value is None else [self.value]), *(self.interval or ())]
        if not all(math.isfinite(number) for number in given):
            raise ValueError(f"row {self.label!r} must have finite numbers or None; got {given}")


def draw_rows(
    rows: Sequence[IntervalRow], x_label: str, title: str, reference: float | None = None
) -> tuple[Figure, Axes]:
    """Draw rows from the top, with a line at the reference.

    Args:
        rows: at least one.
        x_label: plain text.
        title: plain text.
        reference: value to compare with, such as that of chance. Default none.

    Raises:
        ValueError: there is no row, or nothing in them to draw.
    """
    if not any(row.value is not None or row.dots for row in rows):
        raise ValueError(f"rows must hold at least one value; got {len(rows)} rows without")
    headings = [i for i, row in enumerate(rows) if row.group and (i == 0 or row.group != rows[i - 1].group)]
    height = sum(_row_height(row) for row in rows) + len(headings) * _HEADING
    label = x_label if reference is None else f"{x_label}; dashed line: {reference:.3g}"
    figure, axes = new_plot(title, label, "", height=height + _REST)
    axes.set_ylim(height, 0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    top = 0.0
    for i, row in enumerate(rows):
        if i in headings:
            _write(axes, 0, top + 0.65 * _HEADING, plain(row.group), weight="bold")
            top += _HEADING
        _draw_row(axes, row, top)
        top += _row_height(row)
        axes.axhline(top, color=LINE, linewidth=0.5, zorder=0.5)
    if reference is not None:
        axes.axvline(reference, color=DIM, linestyle="--", linewidth=1, zorder=0.9)
    axes.margins(x=0.05)
    return figure, axes


def _fits(row: IntervalRow) -> bool:
    return len(plain(row.label)) + len(plain(row.numbers)) + 2 <= _COLUMNS


def _row_height(row: IntervalRow) -> float:
    return (1 if _fits(row) else 2) * _LINE + _BAR


def _draw_row(axes: Axes, row: IntervalRow, top: float) -> None:
    bar = top + _row_height(row) - 0.65 * _BAR
    _write(axes, 0, top + 0.55 * _LINE, shorten(row.label, _COLUMNS))
    _write(axes, 1, top + (0.55 if _fits(row) else 1.55) * _LINE, plain(row.numbers), horizontalalignment="right")
    if row.interval is not None:
        axes.plot(row.interval, [bar, bar], color=row.colour, linewidth=1.6, solid_capstyle="butt", label="_interval")
    if row.dots:
        axes.plot(
            row.dots, [bar] * len(row.dots), row.marker, color=row.colour, markersize=4.5, alpha=0.65, label="_dots"
        )
    if row.value is not None:
        axes.plot(
            [row.value],
            [bar],
            marker="|" if row.dots else row.marker,
            color=row.colour,
            markerfacecolor=CARD if row.hollow else row.colour,
            markersize=11 if row.dots else 5,
            markeredgewidth=1.8 if row.dots else 1.3,
            linestyle="",
            label="_value",
        )


def _write(
    axes: Axes, x: float, y: float, text: str, horizontalalignment: str = "left", weight: str = "normal"
) -> None:
    axes.text(
        x,
        y,
        text,
        transform=axes.get_yaxis_transform(),
        horizontalalignment=horizontalalignment,
        verticalalignment="center",
        fontsize=FONT - 0.5,
        fontweight=weight,
        color=INK,
        bbox={"facecolor": CARD, "linewidth": 0, "pad": 0.8},  # no grid line through a number
    )
