from __future__ import annotations

import pytest
from matplotlib.colors import to_rgb

from imgae_monai.visualize.style import CARD, DIM, GREY, INK, SERIES, new_plot, plain, shorten

DARK = "#1D2024"  # the report's ground where dark is preferred


def contrast(a: str, b: str) -> float:
    """Of WCAG 2."""

    def luminance(colour: str) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(map(luminance, (a, b)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*SERIES, GREY])
def test_lines_show_on_light_and_on_dark_ground(colour: str) -> None:
    assert contrast(colour, CARD) >= 3
    assert contrast(colour, DARK) >= 3


def test_text_can_be_read_on_paper() -> None:
    assert contrast(INK, CARD) >= 7
    assert contrast(DIM, CARD) >= 4.5


@pytest.mark.parametrize(
    ("text", "columns", "short"),
    [("abcdefghij", 10, "abcdefghij"), ("abcdefghijk", 10, "abcd…ghijk"), (" a\n\tb ", 9, "a b")],
)
def test_a_long_name_loses_its_middle(text: str, columns: int, short: str) -> None:
    assert shorten(text, columns) == short


def test_control_characters_are_replaced() -> None:
    assert plain("a\x00b\x1b") == "a\ufffdb\ufffd"


def test_long_titles_and_labels_wrap_and_the_plot_keeps_its_height() -> None:
    figure, axes = new_plot("title " * 20, "label " * 20, "y")
    short, short_axes = new_plot("title", "label", "y")
    assert axes.get_xlabel().count("\n") == 2
    assert figure.get_suptitle().count("\n") == 2
    for drawn in (figure, short):
        drawn.draw_without_rendering()
    height, expected = axes.get_window_extent().height, short_axes.get_window_extent().height
    assert height == pytest.approx(expected, rel=0.1)
