from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from imgae_monai.visualize import curves, plot_losses, plot_precision_recall, plot_roc, plot_score_histogram

SCORES = [0.1, 0.3, 0.3, 0.7, 0.9]
LABELS = [0, 0, 1, 0, 1]

DRAW: dict[str, Callable[[Path], None]] = {
    "roc": lambda path: plot_roc(path, SCORES, LABELS, "Title"),
    "precision_recall": lambda path: plot_precision_recall(path, SCORES, LABELS, "Title"),
    "histogram": lambda path: plot_score_histogram(path, SCORES, LABELS, 0.5, "Title"),
    "losses": lambda path: plot_losses(path, {"train": [(1, 0.9), (2, 0.5)], "val": [(2, 0.6)]}, "Title"),
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of every figure that is saved during the test."""
    axes: list[Axes] = []
    save = curves.save_png

    def keep(figure: Any, path: Path) -> None:
        axes.append(figure.axes[0])
        save(figure, path)

    monkeypatch.setattr(curves, "save_png", keep)
    return axes


def legend(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", DRAW)
def test_a_plot_is_a_png_of_100_mm_at_150_dpi(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    DRAW[kind](path)
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == pytest.approx(100 / 25.4 * 150, abs=1)
        assert 400 < image.height <= image.width
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
    assert pixels(path).std() > 5


@pytest.mark.parametrize("kind", DRAW)
def test_the_same_input_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    DRAW[kind](tmp_path / "a.png")
    DRAW[kind](tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("kind", DRAW)
def test_a_path_that_is_no_png_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path must end in \.png; got .*plot\.jpg"):
        DRAW[kind](tmp_path / "plot.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("plot", [plot_roc, plot_precision_recall])
def test_another_ranking_draws_another_curve(plot: Callable[..., None], tmp_path: Path) -> None:
    plot(tmp_path / "a.png", SCORES, LABELS, "")
    plot(tmp_path / "b.png", SCORES[::-1], LABELS, "")
    plot(tmp_path / "c.png", [10 * score - 3 for score in SCORES], LABELS, "")
    assert (pixels(tmp_path / "a.png") != pixels(tmp_path / "b.png")).any()
    assert (pixels(tmp_path / "a.png") == pixels(tmp_path / "c.png")).all()


def test_roc_passes_through_its_corners(drawn: list[Axes], tmp_path: Path) -> None:
    plot_roc(tmp_path / "roc.png", SCORES, LABELS, "Title")
    assert drawn[0].lines[1].get_xydata() == pytest.approx(
        np.array([[0, 0], [0, 1 / 2], [1 / 3, 1 / 2], [2 / 3, 1], [1, 1]])
    )
    assert legend(drawn[0]) == ["chance, 0.500", "AUROC 0.750"]
    assert drawn[0].get_legend().get_title().get_text() == "3 normal, 2 abnormal"


def test_the_area_below_the_precision_steps_is_the_average_precision(drawn: list[Axes], tmp_path: Path) -> None:
    plot_precision_recall(tmp_path / "pr.png", SCORES, LABELS, "Title")
    chance, curve = drawn[0].lines
    recall, precision = curve.get_data()
    assert curve.get_drawstyle() == "steps-pre"
    assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    assert legend(drawn[0]) == ["chance, 0.400 (prevalence)", "average precision 0.750"]
    assert set(chance.get_ydata()) == {0.4}


def test_histogram_shares_its_bins_and_names_the_threshold(drawn: list[Axes], tmp_path: Path) -> None:
    plot_score_histogram(tmp_path / "h.png", [0.0, 0.0, 0.2, 1.0], [0, 0, 0, 1], 0.25, "Title")
    normal, _, abnormal, _ = drawn[0].patches
    assert (normal.get_data().edges == abnormal.get_data().edges).all()
    assert normal.get_data().values.sum() == pytest.approx(100)
    assert normal.get_data().values[0] == pytest.approx(200 / 3)
    assert abnormal.get_data().values[-1] == pytest.approx(100)
    assert set(drawn[0].lines[0].get_xdata()) == {0.25}
    assert legend(drawn[0]) == ["normal, n = 3", "abnormal, n = 1", "threshold 0.25"]


@pytest.mark.parametrize("scores", [[0.3, 0.3], [0.0, 0.0], [-2.0, 1e6], [1.0, np.nextafter(1.0, 2.0)]])
def test_histogram_of_equal_far_or_neighbouring_scores_of_one_class(
    scores: list[float], drawn: list[Axes], tmp_path: Path
) -> None:
    plot_score_histogram(tmp_path / "h.png", scores, [0, 0], scores[0], "Title")
    assert drawn[0].patches[0].get_data().values.sum() == pytest.approx(100)
    assert legend(drawn[0])[1] == "abnormal, n = 0"


def test_losses_leave_a_gap_where_a_value_is_not_finite(drawn: list[Axes], tmp_path: Path) -> None:
    history = {"train": [(1, 0.9), (2, float("nan")), (3, float("inf")), (4, 0.2)], "val": [(2, 0.5)]}
    plot_losses(tmp_path / "l.png", history, "Title")
    assert legend(drawn[0]) == ["train (2 not finite)", "val"]
    assert np.isnan(drawn[0].lines[0].get_ydata()).tolist() == [False, True, True, False]
    assert drawn[0].lines[1].get_xydata().tolist() == [[2, 0.5]]


def test_many_losses_have_their_legend_outside(drawn: list[Axes], tmp_path: Path) -> None:
    plot_losses(tmp_path / "l.png", {f"loss {i}": [(1, i), (2, i / 2)] for i in range(9)}, "Title")
    assert drawn[0].get_legend() is None
    assert len(drawn[0].figure.legends[0].get_texts()) == 9
    styles = {(line.get_color(), line.get_linestyle()) for line in drawn[0].lines}
    assert len(styles) == 9


@pytest.mark.parametrize("text", ["$", "$a$ $b", r"$\frac{$", "a_b^c"])
def test_a_title_is_taken_literally(text: str, tmp_path: Path) -> None:
    plot_roc(tmp_path / "a.png", SCORES, LABELS, text)
    plot_losses(tmp_path / "b.png", {text: [(1, 1.0)]}, text)
    assert (tmp_path / "b.png").is_file()


@pytest.mark.parametrize(
    ("plot", "what"), [(plot_roc, "a ROC curve"), (plot_precision_recall, "a precision-recall curve")]
)
def test_a_curve_of_one_class_is_refused(plot: Callable[..., None], what: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{what} needs normal and abnormal images; got 2 normal, 0 abnormal"):
        plot(tmp_path / "a.png", [0.1, 0.2], [0, 0], "Title")


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="finite threshold; got 2 scores, inf"):
        plot_score_histogram(tmp_path / "a.png", [0.1, 0.2], [0, 1], float("inf"), "Title")
    with pytest.raises(ValueError, match="got 0 scores"):
        plot_score_histogram(tmp_path / "a.png", [], [], 0.5, "Title")
    with pytest.raises(ValueError, match="scores must be finite"):
        plot_roc(tmp_path / "a.png", [0.1, np.nan], [0, 1], "Title")
    with pytest.raises(ValueError, match=r"history must hold at least one \(epoch, value\) pair"):
        plot_losses(tmp_path / "a.png", {"train": []}, "Title")


def test_pyplot_is_not_imported() -> None:
    code = "import sys, imgae_monai.visualize; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
