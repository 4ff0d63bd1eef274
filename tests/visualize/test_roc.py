from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgae_monai.metrics import CurveBand, compute_auroc
from imgae_monai.visualize import plot_roc
from tests.visualize.conftest import legend, line

SCORES = [0.1, 0.3, 0.3, 0.7, 0.9]
LABELS = [0, 0, 1, 0, 1]


def test_it_passes_through_its_corners_and_ties_are_oblique(drawn) -> None:
    axes = drawn(plot_roc, {"model": SCORES}, LABELS, "Title")
    assert line(axes, "model") == pytest.approx(np.array([[0, 0], [0, 1 / 2], [1 / 3, 1 / 2], [2 / 3, 1], [1, 1]]))
    assert legend(axes) == ["chance, 0.500", "model: AUROC 0.750"]
    assert axes.figure.legends[0].get_title().get_text() == "3 normal, 2 abnormal"


def test_models_differ_in_colour_and_in_dashes(drawn) -> None:
    axes = drawn(plot_roc, {"a": SCORES, "b": SCORES[::-1], "c": [0] * 5}, LABELS, "Title")
    assert legend(axes)[1:] == ["a: AUROC 0.750", "b: AUROC 0.083", "c: AUROC 0.500"]
    models = axes.lines[1:]
    assert len({x.get_color() for x in models}) == len({x.get_linestyle() for x in models}) == 3


def test_bands_are_shaded_in_the_colour_of_their_curve_and_named_once(drawn) -> None:
    grid = np.array([0.0, 0.5, 1.0])
    band = CurveBand(grid, grid, grid * 0.9, np.minimum(grid + 0.1, 1), 0.9, 100)
    axes = drawn(plot_roc, {"a": SCORES, "b": SCORES}, LABELS, "Title", bands={"a": band, "b": band})
    corners = axes.collections[0].get_paths()[0].vertices
    assert {0.1, 0.6, 0.45, 0.9} <= set(np.round(corners[:, 1], 9))
    assert legend(axes).count("shaded: 90 % band, point by point") == 1
    colours = [axes.collections[i].get_facecolor()[0, :3].tolist() for i in (0, 1)]
    assert colours[0] != colours[1]


def test_a_curve_of_many_points_is_thinned_and_keeps_its_area(drawn) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 100_000)
    scores = random.normal(size=100_000) + labels
    points = line(drawn(plot_roc, {"model": scores}, labels, "Title"), "model")
    assert len(points) <= 2002
    assert points[[0, -1]].tolist() == [[0, 0], [1, 1]]
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(compute_auroc(scores, labels), abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (({"m": [0.1, 0.2]}, [0, 0]), "a ROC curve needs normal and abnormal images; got 2 normal, 0 abnormal"),
        (({"m": [0.1, np.nan]}, [0, 1]), "scores must be finite"),
        (({}, [0, 1]), "series must hold the scores of at least one model"),
        (({"m": [0.1, 0.2]}, [0, 1], "", {"n": None}), "bands must be of the series m; got n"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, match, tmp_path: Path) -> None:
    series, labels, *rest = arguments
    with pytest.raises(ValueError, match=match):
        plot_roc(tmp_path / "a.png", series, labels, *(rest or ["Title"]))
    assert list(tmp_path.iterdir()) == []
