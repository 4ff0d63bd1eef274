"""Values with intervals, a row each: subgroups, models, scores that need no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.interval_rows import IntervalRow, draw_rows


def plot_forest(
    path: str | Path | BinaryIO,
    rows: Sequence[Mapping[str, Any]],
    x_label: str,
    title: str,
    reference: float | None = None,
    file_format: str | None = None,
) -> None:
    """Draw a forest plot. A row without interval has a hollow marker and says so; one without value says undefined.

    Source: Lewis and Clarke, "Forest plots: trying to see the wood and the trees", BMJ 322, 2001.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        rows: dictionaries with ``label``, ``value`` (None where undefined), ``interval`` ((low, high) or None), ``n``
            (number of images, or text) and, if rows are grouped, ``group``.
        x_label: what the values are.
        title: plain text.
        reference: where a vertical line stands, such as chance. Default none.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: no row has a value, a number is not finite, or the format is unknown.

    Example:
        >>> row = {"label": "PA", "value": 0.8, "interval": (0.7, 0.9), "n": 120}  # doctest: +SKIP
        >>> plot_forest("views.pdf", [row], "AUROC", "Test images", reference=0.5)  # doctest: +SKIP
    """
    drawn = [
        IntervalRow(
            label=str(row["label"]),
            value=row["value"],
            interval=row["interval"],
            numbers=f"{value_text(row['value'], row['interval'])}{_count(row['n'])}",
            group=str(row.get("group") or ""),
            hollow=row["interval"] is None,
        )
        for row in rows
    ]
    figure, _ = draw_rows(drawn, x_label, title, reference)
    save_figure(figure, path, file_format)


def value_text(value: float | None, interval: Sequence[float] | None, sign: str = "") -> str:
    """A value and its interval, to three decimals; ``sign`` is ``+`` where a plus is to be seen."""
    if value is None:
        return "undefined"
    if interval is None:
        return f"{value:{sign}.3f}, no interval"
    return f"{value:{sign}.3f} [{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]"


def _count(n: int | str) -> str:
    text = n if isinstance(n, str) else f"{n:,}"
    return f", n {text}" if text else ""
