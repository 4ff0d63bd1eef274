from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.visualize import plot_seeds
from tests.visualize.conftest import points, texts


def test_every_seed_is_a_dot_and_the_mean_a_stroke(drawn) -> None:
    axes = drawn(plot_seeds, {"unet": [0.7, 0.8, 0.9], "one": [0.6]}, "AUROC", "Title", reference=0.8)
    assert [[x for x, _ in dots] for dots in points(axes, "_dots")] == [[0.7, 0.8, 0.9], [0.6]]
    assert [value[0][0] for value in points(axes, "_value")] == [0.8, 0.6]
    assert texts(axes) == ["unet", "mean 0.800, sd 0.100, 3 seeds", "one", "0.600, one seed"]
    dots = [x for x in axes.lines if x.get_label() == "_dots"]
    assert len({x.get_color() for x in dots}) == len({x.get_marker() for x in dots}) == 2


def test_a_model_without_seeds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="values must hold at least one seed of each model; none of ra"):
        plot_seeds(tmp_path / "a.png", {"unet": [0.8], "ra": []}, "AUROC", "Title")
