"""Plots of scores and losses as PNG files, to be read at 100 mm width.

They are drawn with matplotlib's object interface: pyplot keeps every figure alive, chooses a window system and is not
safe in threads. Colours are Okabe and Ito's, told apart by colour-blind readers; line styles repeat what they say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from imgae_monai.metrics.binary import (
    check_labels,
    check_scores,
    compute_auroc,
    compute_average_precision,
    count_above,
)

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#6E6E6E"
_SERIES = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_WIDTH, _HEIGHT = 100 / 25.4, 80 / 25.4  # inches
_DPI = 150
_FONT = 8
_BINS = 40
_MARKED = 30  # points of a line that are marked one by one
_INSIDE = 4  # lines whose legend finds room among them


def plot_roc(path: str | Path | BinaryIO, scores: ArrayLike, labels: ArrayLike, title: str) -> None:
    """Draw the ROC curve and its area.

    Source: Hanley and McNeil, Radiology 143, 1982; tied scores form one oblique step, as in the area.

    Args:
        path: the ``.png`` file to write, or an open file.
        scores: raw anomaly scores (n,), higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        title: one line of plain text.

    Raises:
        ValueError: a class is absent, scores or labels are malformed, or path is not a ``.png``.

    Example:
        >>> plot_roc("roc.png", [0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1], "Test images")  # doctest: +SKIP
    """
    values, abnormal = _both_classes("a ROC curve", scores, labels)
    true_positives, false_positives = count_above(values, abnormal)
    figure, axes = _new_plot(title, "1 - specificity (false-positive rate)", "sensitivity", height=_WIDTH)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="chance, 0.500")
    label = f"AUROC {compute_auroc(values, abnormal):.3f}"
    axes.plot(false_positives / false_positives[-1], true_positives / true_positives[-1], color=BLUE, label=label)
    _unit_square(axes)
    axes.legend(loc="best", fontsize=_FONT, title=_counts(abnormal), title_fontsize=_FONT)
    save_png(figure, path)


def plot_precision_recall(path: str | Path | BinaryIO, scores: ArrayLike, labels: ArrayLike, title: str) -> None:
    """Draw the step-wise precision-recall curve, its average precision and the chance line at the prevalence.

    Source: scikit-learn's ``average_precision_score``: the area below these steps is the average precision.

    Args:
        path: the ``.png`` file to write, or an open file.
        scores: raw anomaly scores (n,), higher is more abnormal.
        labels: (n,), 0 normal and 1 abnormal.
        title: one line of plain text.

    Raises:
        ValueError: a class is absent, scores or labels are malformed, or path is not a ``.png``.

    Example:
        >>> plot_precision_recall("pr.png", [0.1, 0.4, 0.6, 0.8], [0, 1, 0, 1], "Test images")  # doctest: +SKIP
    """
    values, abnormal = _both_classes("a precision-recall curve", scores, labels)
    true_positives, false_positives = count_above(values, abnormal)
    recall = true_positives / true_positives[-1]
    precision = true_positives[1:] / (true_positives[1:] + false_positives[1:])
    prevalence = float(abnormal.mean())
    figure, axes = _new_plot(title, "recall (sensitivity)", "precision", height=_WIDTH)
    axes.axhline(prevalence, color=GREY, linestyle="--", linewidth=1, label=f"chance, {prevalence:.3f} (prevalence)")
    label = f"average precision {compute_average_precision(values, abnormal):.3f}"
    axes.step(recall, np.append(precision[:1], precision), where="pre", color=BLUE, label=label)
    _unit_square(axes)
    axes.legend(loc="best", fontsize=_FONT, title=_counts(abnormal), title_fontsize=_FONT)
    save_png(figure, path)


def plot_score_histogram(
    path: str | Path | BinaryIO, scores: ArrayLike, labels: ArrayLike, threshold: float, title: str
) -> None:
    """Draw the scores of both classes over shared bins, with the threshold.

    Bars are shares of their own class, so that a few abnormal images stay visible beside many normal ones.

    Args:
        path: the ``.png`` file to write, or an open file.
        scores: raw anomaly scores (n,), n >= 1, any unit; one class may be absent.
        labels: (n,), 0 normal and 1 abnormal.
        threshold: finite, in the unit of the scores.
        title: one line of plain text.

    Raises:
        ValueError: scores or labels are empty or malformed, the threshold is not finite, or path is not a ``.png``.

    Example:
        >>> plot_score_histogram("scores.png", [0.1, 0.4, 0.8], [0, 0, 1], 0.5, "Test images")  # doctest: +SKIP
    """
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    if not len(values) or not math.isfinite(threshold):
        raise ValueError(f"a histogram needs scores and a finite threshold; got {len(values)} scores, {threshold}")
    edges = _shared_edges(np.append(values, threshold))
    figure, axes = _new_plot(title, "anomaly score", "share of the class (%)")
    classes = (("normal", ~abnormal, BLUE, "-"), ("abnormal", abnormal, VERMILION, "--"))
    for name, members, colour, dashes in classes:
        share = 100 * np.histogram(values[members], edges)[0] / max(1, int(members.sum()))
        label = f"{name}, n = {int(members.sum())}"
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.35, label=label)
        axes.stairs(share, edges, color=colour, linestyle=dashes, linewidth=1)
    axes.axvline(threshold, color="black", linewidth=1.2, label=f"threshold {threshold:.4g}")
    axes.set_ylim(bottom=0)
    axes.legend(loc="best", fontsize=_FONT)
    save_png(figure, path)


def plot_losses(path: str | Path | BinaryIO, history: Mapping[str, Sequence[tuple[float, float]]], title: str) -> None:
    """Draw losses by epoch. A value that is not finite leaves a gap, and the legend counts the gaps.

    Args:
        path: the ``.png`` file to write, or an open file.
        history: name of a loss to its (epoch, value) pairs, in order of the epochs.
        title: one line of plain text.

    Raises:
        ValueError: there is no pair at all, or path is not a ``.png``.

    Example:
        >>> plot_losses("losses.png", {"train": [(1, 0.9), (2, 0.5)]}, "Training")  # doctest: +SKIP
    """
    if not any(len(pairs) for pairs in history.values()):
        raise ValueError(f"history must hold at least one (epoch, value) pair; got {dict(history)}")
    figure, axes = _new_plot(title, "epoch", "loss")
    for index, (name, pairs) in enumerate(history.items()):
        points = np.asarray(pairs, dtype=np.float64).reshape(-1, 2)
        points[~np.isfinite(points[:, 1]), 1] = np.nan
        missing = int(np.isnan(points[:, 1]).sum())
        axes.plot(
            *points.T,
            color=_SERIES[index % len(_SERIES)],
            linestyle=_DASHES[index % len(_DASHES)],
            marker="o" if len(points) <= _MARKED else None,
            markersize=3,
            label=f"{name} ({missing} not finite)" if missing else name,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if len(history) <= _INSIDE:
        axes.legend(loc="best", fontsize=_FONT)
    else:
        figure.legend(loc="outside lower center", ncols=2, fontsize=_FONT)
    save_png(figure, path)


def save_png(figure: Figure, path: str | Path | BinaryIO) -> None:
    """Write the figure, all its text taken literally: a ``$`` in a file name is no formula."""
    if isinstance(path, str | Path) and Path(path).suffix.lower() != ".png":
        raise ValueError(f"path must end in .png; got {str(path)!r}")
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=_DPI, facecolor="white")


def _new_plot(title: str, x_label: str, y_label: str, height: float = _HEIGHT) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=_FONT + 1, wrap=True)
    axes.set_xlabel(x_label, fontsize=_FONT)
    axes.set_ylabel(y_label, fontsize=_FONT)
    axes.tick_params(labelsize=_FONT)
    axes.grid(color="#DDDDDD", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _both_classes(what: str, scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = check_scores(scores)
    abnormal = check_labels(labels, len(values))
    if abnormal.all() or not abnormal.any():
        raise ValueError(f"{what} needs normal and abnormal images; got {_counts(abnormal)}")
    return values, abnormal


def _counts(abnormal: NDArray[np.bool_]) -> str:
    return f"{int((~abnormal).sum())} normal, {int(abnormal.sum())} abnormal"


def _unit_square(axes: Axes) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")


def _shared_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # equal values still need bins of some width
        margin = 0.05 * abs(low) or 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, _BINS + 1)
