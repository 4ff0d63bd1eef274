"""Paired differences between models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.forest import value_text
from imgae_monai.visualize.interval_rows import IntervalRow, draw_rows

_LEVEL = 0.05


def plot_differences(
    path: str | Path | BinaryIO,
    rows: Sequence[Mapping[str, Any]],
    x_label: str,
    title: str,
    file_format: str | None = None,
) -> None:
    """Draw differences with their intervals and a line at zero; hollow where none is shown.

    None is shown where the interval holds zero or is not known, or the p value is 5 % or more.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        rows: dictionaries with ``label`` (such as "A minus B"), ``difference`` (None where undefined), ``interval``
            ((low, high) or None), and perhaps ``p_value`` (corrected, where there are several) and ``group``.
        x_label: what the differences are of.
        title: plain text.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: no row has a difference, a number is not finite, or the format is unknown.

    Example:
        >>> row = {"label": "A minus B", "difference": 0.02, "interval": (-0.01, 0.05), "p_value": 0.2}
        >>> plot_differences("differences.pdf", [row], "difference of AUROC", "Test images")  # doctest: +SKIP
    """
    drawn = []
    for row in rows:
        interval = row["interval"]
        p_value = row.get("p_value")
        drawn.append(
            IntervalRow(
                label=str(row["label"]),
                value=row["difference"],
                interval=interval,
                numbers=value_text(row["difference"], interval, "+") + ("" if p_value is None else _p_text(p_value)),
                group=str(row.get("group") or ""),
                hollow=interval is None or interval[0] <= 0 <= interval[1] or (p_value or 0) >= _LEVEL,
            )
        )
    figure, _ = draw_rows(drawn, x_label, title, reference=0.0)
    save_figure(figure, path, file_format)


def _p_text(p_value: float) -> str:
    """With three decimals, or with as many as it takes to lie on its side of the level."""
    if p_value < 0.001:
        return ", p < 0.001"
    places = next((n for n in range(3, 9) if (round(p_value, n) < _LEVEL) == (p_value < _LEVEL)), 3)
    return f", p {p_value:.{places}f}"
