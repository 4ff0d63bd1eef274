"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.series import series_style
from imgae_monai.visualize.style import INK, MARKERS, add_legend, new_plot, whole_numbers

_MARKED = 30  # points of a line that are marked one by one


def loss_history(record: Mapping[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Lines for :py:func:`plot_losses` from the content of ``train.json``.

    Training and validation loss; where training lowers several losses, these by their names in place of their sum.
    Losses without a value are left out.

    Args:
        record: with ``train_loss`` and ``val_loss``, and perhaps ``train_terms``.
    """
    parts = {name: pairs for name, pairs in record.get("train_terms", {}).items() if name.endswith("_loss")}
    training = {f"training, {name.removesuffix('_loss')}": pairs for name, pairs in parts.items()}
    lines = {**(training or {"training": record["train_loss"]}), "validation": record["val_loss"]}
    return {name: [(epoch, value) for epoch, value in pairs] for name, pairs in lines.items() if pairs}


def plot_losses(
    path: str | Path | BinaryIO,
    history: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    best_epoch: int | None = None,
    file_format: str | None = None,
) -> None:
    """Draw losses by epoch. A value that is not finite leaves a gap, and the legend counts the gaps.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        history: name of a loss to its (epoch, value) pairs, in order of the epochs.
        title: plain text.
        best_epoch: the epoch whose weights are kept, marked by a line. Default none is marked.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: there is no pair at all, or the format is unknown.

    Example:
        >>> plot_losses("losses.png", {"train": [(1, 0.9), (2, 0.5)]}, "Training", best_epoch=2)  # doctest: +SKIP
    """
    if not any(len(pairs) for pairs in history.values()):
        raise ValueError(f"history must hold at least one (epoch, value) pair; got {dict(history)}")
    figure, axes = new_plot(title, "epoch", "loss")
    for index, (name, pairs) in enumerate(history.items()):
        points = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
        points[~np.isfinite(points[:, 1]), 1] = np.nan
        missing = int(np.isnan(points[:, 1]).sum())
        axes.plot(
            *points.T,
            **series_style(index),
            marker=MARKERS[index % len(MARKERS)] if len(points) <= _MARKED else None,
            markersize=3,
            label=f"{name} ({missing} not finite)" if missing else name,
        )
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linestyle=":", linewidth=1.2, label=f"kept: epoch {best_epoch}")
    whole_numbers(axes)
    add_legend(figure, axes)
    save_figure(figure, path, file_format)
