from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgae_monai.visualize import plot_specificity_curve
from tests.visualize.conftest import legend, line

CURVE = {"nominal": [0.8, 0.9, 0.95], "observed": [0.7, 0.85, 0.95], "interval": [(0.6, 0.8), None, [0.9, 1.0]]}


def test_the_curve_its_band_and_the_threshold(drawn) -> None:
    axes = drawn(plot_specificity_curve, CURVE, "Title", threshold_at=0.95)
    assert line(axes, "these").tolist() == [[0.8, 0.7], [0.9, 0.85], [0.95, 0.95]]
    assert line(axes, "kept").tolist() == [[0, 0], [1, 1]]
    assert set(line(axes, "threshold")[:, 0]) == {0.95}
    corners = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    assert {0.6, 0.8, 0.9, 1.0} <= set(corners[:, 1])
    assert not (corners == 0.85).any()  # no interval at 0.9
    assert legend(axes)[-1] == "threshold in use, 0.95"


def test_no_interval_is_no_shade_and_the_number_of_images_is_said(drawn) -> None:
    axes = drawn(plot_specificity_curve, {**CURVE, "interval": [None] * 3, "n_test": 1234}, "Title")
    assert not axes.collections
    assert legend(axes) == ["kept as promised", "these normal images, n = 1,234"]


@pytest.mark.parametrize("key", ["nominal", "interval"])
def test_lists_of_other_lengths_are_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nominal, observed and interval must be equally long"):
        plot_specificity_curve(tmp_path / "a.png", {**CURVE, key: CURVE[key][:2]}, "Title")
