from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from imgae_monai.visualize import plot_latent
from tests.visualize.conftest import legend


def test_classes_differ_in_colour_and_marker(drawn) -> None:
    axes = drawn(plot_latent, [[0, 1], [2, 3], [4, 5]], [0, 1, 1], "Title", ("PC 1", "PC 2"))
    normal, abnormal = axes.lines
    assert normal.get_xydata().tolist() == [[0, 1]]
    assert abnormal.get_xydata().tolist() == [[2, 3], [4, 5]]
    assert normal.get_color() != abnormal.get_color()
    assert normal.get_marker() != abnormal.get_marker()
    assert legend(axes) == ["normal, n = 1", "abnormal, n = 2"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("PC 1", "PC 2")


@pytest.mark.parametrize(("n", "as_pixels"), [(2000, False), (6000, True)])
def test_many_points_stay_a_small_file(n: int, as_pixels: bool) -> None:
    random, file = np.random.default_rng(0), io.BytesIO()
    plot_latent(file, random.normal(size=(n, 2)), random.integers(0, 2, n), "Title", file_format="inline_svg")
    assert len(file.getvalue()) < 200_000
    assert (b"<image" in file.getvalue()) is as_pixels


@pytest.mark.parametrize("points", [[[0, 1, 2]], [0, 1], [[np.nan, 0]], np.zeros((0, 2))])
def test_malformed_points_are_refused(points, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"points must be finite \(n, 2\), n >= 1"):
        plot_latent(tmp_path / "a.png", points, [0] * len(points), "Title")
