from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.visualize import plot_reliability
from tests.visualize.conftest import legend, line

BINS = [
    {"mean_probability": 0.1, "observed": 0.2, "n": 30},
    {"mean_probability": None, "observed": None, "n": 0},
    {"mean_probability": 0.9, "observed": 0.8, "n": 10},
]


def test_bins_are_points_sized_by_their_images(drawn) -> None:
    axes = drawn(plot_reliability, BINS, "Title")
    assert line(axes, "40 images").tolist() == [[0.1, 0.2], [0.9, 0.8]]
    areas = axes.collections[0].get_sizes()
    assert areas[0] > areas[1]
    assert legend(axes) == ["reliable", "40 images in 2 bins", "area: images in the bin"]


def test_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bins must hold at least one image; got 1 bins without"):
        plot_reliability(tmp_path / "a.png", BINS[1:2], "Title")
