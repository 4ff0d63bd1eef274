from __future__ import annotations

from imgae_monai.visualize import plot_differences
from tests.visualize.conftest import points, texts


def test_an_interval_that_holds_zero_is_hollow(drawn) -> None:
    rows = [
        {"label": "A minus B", "difference": 0.03, "interval": (0.01, 0.05), "p_value": 0.0004},
        {"label": "A minus C", "difference": -0.01, "interval": (-0.03, 0.0), "p_value": 0.0456},
        {"label": "A minus D", "difference": 0.03, "interval": (0.01, 0.05), "p_value": 0.06},  # corrected
        {"label": "A minus E", "difference": 0.03, "interval": (0.01, 0.05), "p_value": 0.04996},
        {"label": "B minus C", "difference": 0.02, "interval": None},
        {"label": "B minus D", "difference": None, "interval": None},
    ]
    axes = drawn(plot_differences, rows, "difference of AUROC", "Title")
    values = [x for x in axes.lines if x.get_label() == "_value"]
    assert [value[0][0] for value in points(axes, "_value")] == [0.03, -0.01, 0.03, 0.03, 0.02]
    assert [x.get_markerfacecolor() == "#FFFFFF" for x in values] == [False, True, True, False, True]
    assert texts(axes)[1::2] == [
        "+0.030 [+0.010, +0.050], p < 0.001",
        "-0.010 [-0.030, +0.000], p 0.046",
        "+0.030 [+0.010, +0.050], p 0.060",
        "+0.030 [+0.010, +0.050], p 0.04996",  # on its side of the level
        "+0.020, no interval",
        "undefined",
    ]
    assert any(set(x.get_xdata()) == {0} for x in axes.lines)
