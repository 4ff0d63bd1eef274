from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Axes]:
    """Call a plot and return the axes that it drew, instead of a file."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **kwargs: figures.append(figure))

    def draw(plot: Callable[..., None], *args: Any, **kwargs: Any) -> Axes:
        plot(io.BytesIO(), *args, **kwargs)
        return figures[-1].axes[0]

    return draw


def legend(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.figure.legends[0].get_texts()]


def line(axes: Axes, label: str) -> np.ndarray:
    """The points of the line whose label begins so, (n, 2)."""
    found = [x for x in axes.lines if str(x.get_label()).startswith(label)]
    assert len(found) == 1, [x.get_label() for x in axes.lines]
    return np.asarray(found[0].get_xydata())


def points(axes: Axes, label: str) -> list[list[list[float]]]:
    """The points of every artist of a row plot with this label (``_value``, ``_interval`` or ``_dots``)."""
    return [x.get_xydata().round(9).tolist() for x in axes.lines if x.get_label() == label]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]
