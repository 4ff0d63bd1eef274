from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.metrics import compute_threshold_metrics
from imgae_monai.visualize import plot_confusion
from tests.visualize.conftest import texts


def test_counts_and_shares_stand_in_their_cells(drawn) -> None:
    counts = compute_threshold_metrics([0.1, 0.2, 0.3, 0.9, 0.4, 0.8], [0, 0, 0, 0, 1, 1], threshold=0.5)
    axes = drawn(plot_confusion, counts, "Title")
    placed = {text.get_position(): text.get_text() for text in axes.texts}
    assert placed[0.5, 0.4] == "3"  # normal, decided normal
    assert placed[1.5, 0.4] == "1"
    assert placed[1.5, 0.72] == "25.0 % of 4 normal"
    assert placed[0.5, 1.72] == placed[1.5, 1.72] == "50.0 % of 2 abnormal"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["normal", "abnormal"]
    assert axes.yaxis_inverted()
    shades = [patch.get_alpha() for patch in axes.patches if patch.get_fill()]
    assert shades[1] / shades[0] == pytest.approx(1 / 3)


def test_an_absent_class_is_said(drawn) -> None:
    counts = {"true_positives": 0, "false_positives": 2, "true_negatives": 1000, "false_negatives": 0}
    assert texts(drawn(plot_confusion, counts, "Title"))[4:] == ["0", "no abnormal image"] * 2


def test_a_negative_count_is_refused(tmp_path: Path) -> None:
    counts = {"true_positives": 0, "false_positives": -2, "true_negatives": 1, "false_negatives": 0}
    with pytest.raises(ValueError, match="counts must not be negative"):
        plot_confusion(tmp_path / "a.png", counts, "Title")
