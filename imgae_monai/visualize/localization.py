"""Localisation of a model beside that of a map that has seen no image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from imgae_monai.visualize.figure_file import save_figure
from imgae_monai.visualize.forest import value_text
from imgae_monai.visualize.interval_rows import IntervalRow, draw_rows
from imgae_monai.visualize.style import MARKERS, SERIES

_FIGURES = {
    "pixel_auroc": "pixel AUROC",
    "pixel_average_precision": "pixel average precision",
    "aupro": "AUPRO",
    "pointing_game": "pointing game, hit rate",
    "iou": "IoU at the threshold",
    "best_dice_optimistic": "best Dice (optimistic, uses test masks)",
}
_SIDES = {"model": "model", "center_prior": "centre prior"}


def plot_localization(
    path: str | Path | BinaryIO, localization: Mapping[str, Any], title: str, file_format: str | None = None
) -> None:
    """Draw each figure of localisation with its interval, the model's above that of the Gaussian at the centre.

    Args:
        path: the ``.png``, ``.pdf`` or ``.svg`` file to write, or an open file.
        localization: ``model`` and ``center_prior`` as :func:`imgae_monai.metrics.compare_with_center_prior` gives
            them and ``metrics.json`` holds them; figures that are absent or undefined on both sides are left out.
        title: plain text.
        file_format: see :func:`imgae_monai.visualize.figure_file.save_figure`.

    Raises:
        ValueError: there is no figure at all, a number is not finite, or the format is unknown.

    Example:
        >>> import json
        >>> metrics = json.load(open("metrics.json"))  # doctest: +SKIP
        >>> plot_localization("localization.pdf", metrics["localization"], "NIH boxes")  # doctest: +SKIP
    """
    rows = []
    for key, name in _FIGURES.items():
        found = {side: (localization[side].get(key), localization[side].get(f"{key}_ci95")) for side in _SIDES}
        if all(value is None for value, _ in found.values()):
            continue
        for index, (side, (value, interval)) in enumerate(found.items()):
            rows.append(
                IntervalRow(
                    label=_SIDES[side],
                    value=value,
                    interval=interval,
                    numbers=value_text(value, interval),
                    group=name,
                    colour=SERIES[index],
                    marker=MARKERS[index],
                    hollow=interval is None,
                )
            )
    figure, _ = draw_rows(rows, "value (1 is best)", title)
    save_figure(figure, path, file_format)
