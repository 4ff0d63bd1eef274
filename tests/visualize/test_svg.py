from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from imgae_monai.visualize import plot_roc
from imgae_monai.visualize.style import CARD, DIM, INK, LINE


def drawn_svg(title: str = "Title", file_format: str = "inline_svg", scores=(0.1, 0.4, 0.6, 0.8)) -> str:
    file = io.BytesIO()
    plot_roc(file, {"model": scores}, np.arange(len(scores)) % 2, title, file_format=file_format)
    return file.getvalue().decode()


def test_an_inline_svg_can_stand_in_a_page() -> None:
    svg = drawn_svg()
    assert svg.startswith("<svg ")
    for absent in ("<?xml", "<!DOCTYPE", "http", "<style", "<metadata", "xmlns"):
        assert absent not in svg
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root[0].tag == "title"
    assert root.attrib["aria-labelledby"] == root[0].attrib["id"]
    assert root[0].text.startswith("Title. sensitivity by 1 - specificity")
    assert root[0].text.endswith("model: AUROC 0.750")


def test_text_stays_text_and_is_escaped() -> None:
    svg = drawn_svg('<script>"&\x07')
    assert "<script" not in svg
    texts = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert '<script>"&\N{REPLACEMENT CHARACTER}' in texts
    assert "sensitivity" in texts


def test_ids_are_the_figures_own_and_every_reference_is_to_one_of_them() -> None:
    pages = [drawn_svg("one"), drawn_svg("two")]
    ids = [re.findall(r'\bid="([^"]+)"', page) for page in pages]
    assert not set(ids[0]) & set(ids[1])
    for page, own in zip(pages, ids, strict=True):
        assert len(own) == len(set(own))
        used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page)
        assert used
        assert {a or b for a, b in used} <= set(own)


def test_a_page_gives_text_axes_grid_and_ground_their_colours() -> None:
    svg = drawn_svg()
    for colour, name in ((INK, "--text"), (DIM, "--dim"), (LINE, "--line"), (CARD, "--card")):
        assert f"var({name}, {colour.lower()})" in svg
        assert colour.lower() not in svg.replace(f"var({name}, {colour.lower()})", "")
    for element in ElementTree.fromstring(svg).iter("text"):
        assert "fill: var(--text" in element.attrib["style"]
    assert "#000000" not in svg
    assert "#ffffff" not in svg.replace("var(--card, #ffffff)", "")


def test_a_file_of_its_own_has_papers_colours() -> None:
    svg = drawn_svg(file_format="svg")
    assert "var(" not in svg
    assert INK.lower() in svg
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["width"].endswith("pt")


@pytest.mark.parametrize("n", [100_000])
def test_a_curve_of_many_scores_is_a_small_file(n: int) -> None:
    random = np.random.default_rng(0)
    assert len(drawn_svg(scores=random.normal(size=n) + np.arange(n) % 2)) < 60_000
