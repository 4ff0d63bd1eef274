from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from imgae_monai.visualize import plot_score_histogram
from tests.visualize.conftest import legend


def test_classes_share_their_bins_and_the_threshold_is_named(drawn) -> None:
    axes = drawn(plot_score_histogram, [0.0, 0.0, 0.2, 1.0], [0, 0, 0, 1], 0.25, "Title")
    normal, _, abnormal, _ = axes.patches
    assert (normal.get_data().edges == abnormal.get_data().edges).all()
    assert normal.get_data().values.sum() == pytest.approx(100)
    assert normal.get_data().values[0] == pytest.approx(200 / 3)
    assert abnormal.get_data().values[-1] == pytest.approx(100)
    assert set(axes.lines[0].get_xdata()) == {0.25}
    assert legend(axes) == ["normal, n = 3", "abnormal, n = 1", "threshold 0.25"]


@pytest.mark.parametrize("scores", [[0.3, 0.3], [0.0, 0.0], [-2.0, 1e6], [1.0, np.nextafter(1.0, 2.0)]])
def test_equal_far_or_neighbouring_scores_of_one_class(scores: list[float], drawn) -> None:
    axes = drawn(plot_score_histogram, scores, [0, 0], scores[0], "Title")
    assert axes.patches[0].get_data().values.sum() == pytest.approx(100)
    assert legend(axes)[1] == "abnormal, n = 0"


@pytest.mark.parametrize("unit", [1e-2, 1e-4, 1, 1e3, 1e5, 1e8])
def test_labels_of_the_axis_do_not_touch(unit: float, drawn) -> None:
    axes = drawn(plot_score_histogram, [1.47 * unit, 3.27 * unit], [0, 1], 2.5 * unit, "Title")
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    boxes = [
        label.get_window_extent()
        for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= tick <= high
    ]
    assert len(boxes) >= 3
    assert all(left.x1 + 3 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("scores", "threshold", "match"),
    [([0.1, 0.2], float("inf"), "finite threshold; got 2 scores, inf"), ([], 0.5, "got 0 scores")],
)
def test_what_cannot_be_drawn_is_refused(scores, threshold, match, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=match):
        plot_score_histogram(tmp_path / "a.png", scores, [0, 1][: len(scores)], threshold, "Title")
