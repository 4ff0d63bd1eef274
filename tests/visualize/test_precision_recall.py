from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgae_monai.metrics import compute_average_precision
from imgae_monai.visualize import plot_precision_recall
from tests.visualize.conftest import legend, line

SCORES = [0.1, 0.3, 0.3, 0.7, 0.9]
LABELS = [0, 0, 1, 0, 1]


def test_the_area_below_the_steps_is_the_average_precision(drawn) -> None:
    axes = drawn(plot_precision_recall, {"model": SCORES}, LABELS, "Title")
    assert axes.lines[1].get_drawstyle() == "steps-pre"
    recall, precision = line(axes, "model").T
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    assert legend(axes) == ["chance, 0.400 (prevalence)", "model: average precision 0.750"]
    assert set(line(axes, "chance")[:, 1]) == {0.4}


def test_a_curve_of_many_points_is_thinned_and_keeps_its_area(drawn) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 100_000)
    scores = random.normal(size=100_000) + labels
    recall, precision = line(drawn(plot_precision_recall, {"model": scores}, labels, "Title"), "model").T
    assert len(recall) <= 502
    expected = compute_average_precision(scores, labels)
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(expected, abs=1e-3)


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a precision-recall curve needs normal and abnormal images; got 0 normal, 2"):
        plot_precision_recall(tmp_path / "a.png", {"model": [0.1, 0.2]}, [1, 1], "Title")
