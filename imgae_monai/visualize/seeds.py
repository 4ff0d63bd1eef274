"""A figure of merit over the seeds of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.interval_rows import IntervalRow, draw_rows
from imgae_monai.visualize.style import MARKERS, SERIES


def plot_seeds(
    path: str | Path | BinaryIO,
    values: Mapping[str, Sequence[float]],
    x_label: str,
    title: str,
    reference: float | None = None,
    file_format: str | None = None,
) -> None:
    """Draw each seed's value as a dot and each model's mean as a stroke; the text gives mean and standard deviation.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        values: name of a model to the values of its seeds, at least one; the standard deviation divides by n - 1.
        x_label: what the values are.
        title: plain text.
        reference: where a vertical line stands. Default none.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: there is no model, one has no value, a value is not finite, or the format is unknown.

    Example:
        >>> plot_seeds("seeds.pdf", {"unet": [0.81, 0.79, 0.82]}, "AUROC", "Test images")  # doctest: +SKIP
    """
    empty = [name for name, found in values.items() if not len(found)]
    if empty:
        raise ValueError(f"values must hold at least one seed of each model; none of {', '.join(empty)}")
    rows = [
        IntervalRow(
            label=name,
            value=float(np.mean(found)),
            interval=None,
            numbers=_summary(found),
            dots=tuple(found),
            colour=SERIES[index % len(SERIES)],
            marker=MARKERS[index % len(MARKERS)],
        )
        for index, (name, found) in enumerate(values.items())
    ]
    figure, _ = draw_rows(rows, x_label, title, reference)
    save_figure(figure, path, file_format)


def _summary(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}, one seed"
    return f"mean {np.mean(values):.3f}, sd {np.std(values, ddof=1):.3f}, {len(values)} seeds"
