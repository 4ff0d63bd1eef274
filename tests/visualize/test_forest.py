from __future__ import annotations

import math
from pathlib import Path

import pytest

from imgae_monai.visualize import plot_forest
from tests.visualize.conftest import points, texts

ROWS = [
    {"label": "all", "value": 0.75, "interval": (0.7, 0.8), "n": 1200},
    {"label": "PA", "value": 0.6, "interval": [0.5, 0.9], "n": "40 + 3", "group": "view"},
    {"label": "AP", "value": 0.9, "interval": None, "n": 4, "group": "view"},
    {"label": "F", "value": None, "interval": None, "n": "", "group": "sex"},
]


def test_each_row_has_its_value_its_interval_and_its_numbers(drawn) -> None:
    axes = drawn(plot_forest, ROWS, "AUROC", "Title", reference=0.5)
    assert [value[0][0] for value in points(axes, "_value")] == [0.75, 0.6, 0.9]
    assert [[x for x, _ in interval] for interval in points(axes, "_interval")] == [[0.7, 0.8], [0.5, 0.9]]
    assert texts(axes) == [
        *("all", "0.750 [0.700, 0.800], n 1,200"),
        *("view", "PA", "0.600 [0.500, 0.900], n 40 + 3", "AP", "0.900, no interval, n 4"),
        *("sex", "F", "undefined"),
    ]
    assert axes.get_xlabel() == "AUROC; dashed line: 0.5"
    assert any(set(x.get_xdata()) == {0.5} for x in axes.lines)


def test_a_value_stands_on_its_interval_below_its_text_and_rows_run_downwards(drawn) -> None:
    axes = drawn(plot_forest, ROWS, "AUROC", "Title")
    heights = [value[0][1] for value in points(axes, "_value")]
    assert heights == sorted(heights)
    assert [interval[0][1] for interval in points(axes, "_interval")] == heights[:2]
    label, numbers = axes.texts[:2]
    assert label.get_position()[1] == numbers.get_position()[1] < heights[0]
    bottom, top = axes.get_ylim()
    assert top == 0 < heights[-1] < bottom


def test_a_row_without_interval_is_hollow(drawn) -> None:
    axes = drawn(plot_forest, ROWS, "AUROC", "Title")
    fills = [x.get_markerfacecolor() for x in axes.lines if x.get_label() == "_value"]
    assert fills[0] == fills[1] != fills[2] == "#FFFFFF"


def test_a_long_label_has_a_line_of_its_own_and_stays_inside(drawn) -> None:
    label = "an_unusually_long_name_of_a_model_that_somebody_gave_to_a_run_of_his seed 3"
    axes = drawn(plot_forest, [{**ROWS[0], "label": label}, ROWS[1]], "AUROC", "Title")
    name, numbers = axes.texts[:2]
    assert name.get_position()[1] < numbers.get_position()[1]
    figure = axes.figure
    figure.draw_without_rendering()
    for text in (name, numbers):
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert name.get_text().endswith("seed 3")


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({"value": None}, "rows must hold at least one value; got 1 rows without"),
        ({"value": math.nan}, "row 'all' must have finite numbers or None"),
        ({"interval": (0.7, math.inf)}, "row 'all' must have finite numbers or None"),
    ],
)
def test_what_cannot_be_drawn_is_refused(row, match, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=match):
        plot_forest(tmp_path / "a.png", [{**ROWS[0], "interval": None, **row}], "AUROC", "Title")
