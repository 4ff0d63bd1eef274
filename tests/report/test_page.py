from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest

from imgae_monai.report.choose import Choice
from imgae_monai.report.comparison_content import ComparisonContent
from imgae_monai.report.content import RunContent
from imgae_monai.report.figures import draw_figures, evaluation_drawings
from imgae_monai.report.markdown import render_markdown
from imgae_monai.report.page import render_page
from imgae_monai.report.pictures import Case, Gallery
from imgae_monai.report.table import Table
from tests.report.sample import HOSTILE, sample_evaluation

PIXEL = "data:image/png;base64,AAAA"
VOID = ("meta", "img", "br", "input", "path", "use")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.script += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def content(folder, name="tiny", beats=False, gallery=True, figures=None) -> RunContent:
    evaluation = sample_evaluation(name, beats)
    case = Case(19, (64, 64), PIXEL, PIXEL, PIXEL, PIXEL, [[(1.0, 2.0), (3.0, 2.0), (3.0, 4.0)]], {"gradient": PIXEL})
    shown = Gallery([Choice("Highest scores", (19,))], {19: case}, 0.25) if gallery else None
    drawn = draw_figures(evaluation_drawings(evaluation)[::4], folder) if figures is None else figures
    return RunContent(evaluation, "figures", drawn, shown, "" if gallery else f"{HOSTILE} is gone", [], "none")


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> RunContent:
    return content(tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def page(one) -> Tags:
    return Tags(render_page([one]))


def test_it_is_well_formed_and_asks_for_nothing(page):
    assert page.open == []
    names = {name for name, _ in page.tags}
    assert not {"link", "iframe", "object", "embed", "base", "form"} & names
    for _, attributes in page.tags:
        for key, value in attributes.items():
            assert not key.startswith("on")
            if key in ("src", "href", "xlink:href", "srcset", "action", "data"):
                assert str(value).startswith(("data:image/", "#"))
            assert key.startswith("xmlns") or "//" not in str(value) or key in ("aria-label", "alt")


def test_the_policy_allows_this_script_alone(page):
    (policy,) = [a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert len(page.of("script")) == 1


def test_text_from_the_data_stays_text(one):
    text = render_page([one, content(None, name=HOSTILE, figures=[])])
    assert text.count("<script") == 1
    assert "alert('x')" not in text.replace("&lt;script&gt;alert('x')", "").replace(
        "&lt;script&gt;alert(&#x27;x&#x27;)", ""
    )
    assert "&lt;script&gt;" in text


def test_ids_are_unique_and_links_lead_somewhere(one):
    several = Tags(render_page([one, content(None, "other", figures=[])], ComparisonContent(["words"], {}, [], [])))
    ids = [attributes["id"] for _, attributes in several.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for a in several.of("a")]
    assert {"comparison", "run1", "run2"} == set(targets)
    assert set(targets) <= set(ids)
    assert {a["for"] for a in several.of("label")} <= set(ids)


@pytest.mark.parametrize(
    ("beats", "level", "first"), [(False, "error", "does not beat"), (True, "warning", "Is the AUROC")]
)
def test_the_verdict_stands_before_any_figure_and_no_model_first_where_it_wins(beats, level, first):
    text = render_page([content(None, beats=beats, figures=[])])
    verdict = re.search(r"<div class='verdict (\w+)'><p>(.*?)</p>", text)
    assert verdict[1] == level
    assert first in verdict[2]
    assert verdict.start() < text.index("<table")


def test_notices_of_synthetic_data_and_fall_backs_stand_first(one):
    metrics = {**one.evaluation.metrics, "synthetic": True, "notice": "SYNTHETIC DATA (drawn)"}
    synthetic = dataclasses.replace(one, evaluation=dataclasses.replace(one.evaluation, metrics=metrics))
    text = render_page([synthetic])
    assert text.index("SYNTHETIC DATA (drawn)") < text.index("fell back: ") < text.index("<h1")


def test_a_picture_tells_truth_decision_score_and_region(page, one):
    text = render_page([one])
    called = "abnormal" if one.evaluation.decisions[19] else "normal"
    assert (
        f"Truth abnormal, <span class='{'right' if called == 'abnormal' else 'wrong'}'>decided {called}</span>" in text
    )
    assert f"score {one.evaluation.scores[19]:.5g}, threshold 0.5" in text
    assert text.count("<path d='M1 2 L3 2 L3 4 Z'/>") == 3  # on image, overlay and gradient
    assert "0.25 or more, the same for all images" in text
    assert all("alt" in a for a in page.of("img"))
    assert page.of("input")[0]["type"] == "range"


def test_without_pictures_it_says_why():
    text = render_page([content(None, gallery=False, figures=[])])
    assert "No pictures: &lt;script&gt;" in text
    assert "type='range'" not in text


def test_markdown_holds_the_same_and_no_html(one):
    comparison = ComparisonContent(
        ["tiny does not beat what needs no model"], {}, [Table("Pairs", ("a|b", "p"), [("x", "0.1")])], []
    )
    text = render_markdown([one], comparison)
    assert "<script" not in text
    assert text.index("does not beat what needs no model") < text.index("## Comparison") < text.index("### Key figures")
    assert "| a\\|b | p   |" in text
    assert re.search(r"\| AUROC +\| 0.745 +\| \[0.612, 0.861\] +\|", text)
    assert "](figures/roc.png)" in text
    table = text[text.index("### By subgroup") :].split("\n\n")[1].splitlines()
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_a_path_cannot_end_the_block_of_commands(one, tmp_path):
    folder = tmp_path / "x\n```\n<script>"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "model.pt").touch()
    moved = dataclasses.replace(one, evaluation=dataclasses.replace(one.evaluation, folder=folder))
    fences = [line for line in render_markdown([moved]).splitlines() if set(line) == {"`"}]
    assert fences == ["````", "```", "```", "````"]
