from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgae_monai.metrics import reliability_curve
from imgae_monai.visualize import plot_reliability
from tests.visualize.conftest import legend, line


def test_bins_are_points_sized_by_their_images(drawn) -> None:
    bins = reliability_curve([0.1, 0.1, 0.1, 0.1, 0.9, 0.9], [0, 0, 0, 1, 1, 1], n_bins=5)
    axes = drawn(plot_reliability, bins, "Title")
    assert line(axes, "6 images") == pytest.approx(np.array([[0.1, 0.25], [0.9, 1.0]]))
    areas = axes.collections[0].get_sizes()
    assert areas[0] > areas[1]
    assert legend(axes) == ["reliable", "6 images in 2 bins", "area: images in the bin"]


def test_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bins must hold at least one image; got none"):
        plot_reliability(tmp_path / "a.png", [], "Title")
