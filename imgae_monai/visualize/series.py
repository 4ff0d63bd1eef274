"""What curves of several models have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from imgae_monai.metrics.curve_bands import CurveBand
from imgae_monai.visualize.style import DASHES, SERIES

BAND = 0.25  # opacity


def check_series(series: Mapping[str, Any], bands: Mapping[str, CurveBand] | None) -> Mapping[str, CurveBand]:
    """Return the bands, none by default, or raise a ``ValueError`` where nothing is drawn or a band has no curve."""
    if not series:
        raise ValueError("series must hold the scores of at least one model; got none")
    strangers = [name for name in bands or {} if name not in series]
    if strangers:
        raise ValueError(f"bands must be of the series {', '.join(series)}; got {', '.join(strangers)}")
    return bands or {}


def series_style(index: int) -> dict[str, Any]:
    """Colour and line style of the curve so placed."""
    return {"color": SERIES[index % len(SERIES)], "linestyle": DASHES[index % len(DASHES)], "linewidth": 1.5}


def draw_band(axes: Axes, index: int, band: CurveBand | None) -> None:
    """Shade the band of the curve so placed, if it has one; the legend says once what the shading is."""
    if band is not None:
        label = f"shaded: {100 * band.confidence:g} % band, point by point"
        named = any(collection.get_label() == label for collection in axes.collections)
        axes.fill_between(
            band.grid,
            band.low,
            band.high,
            color=SERIES[index % len(SERIES)],
            alpha=BAND,
            linewidth=0,
            label="_" if named else label,
        )
