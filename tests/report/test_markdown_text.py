from __future__ import annotations

import pytest

from imgae_monai.report import comparison_markdown
from imgae_monai.report.markdown_text import markdown_table, markdown_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.5 [0.4, 0.6], p <0.001", "0.5 [0.4, 0.6], p <0.001"),
        ("+0.1 [-0.2,\N{NO-BREAK SPACE}+0.3]", "+0.1 [-0.2, +0.3]"),
        ("<img src=x>", "&lt;img src=x>"),
        ("</td><!-- <?x", "&lt;/td>&lt;!-- &lt;?x"),
        ("a\\|b", "a\\\\\\|b"),  # neither ends the cell nor is what escapes the bar escaped
        ("[here](http://x)", "\\[here\\](http://x)"),
        ("[1](http://x)", "[1\\](http://x)"),
        ("a\n\n# b", "a # b"),
        ("`*x*`", "\\`\\*x\\*\\`"),
    ],
)
def test_text_stays_text(text, expected):
    assert markdown_text(text) == expected


def test_columns_line_up_and_no_cell_ends_early():
    lines = markdown_table(("a", "b"), [("x|y", "1"), ("long name\n| forged | 2 |", "3")]).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)


def test_a_comparison_of_hostile_names_holds_no_html():
    name = "<img src=x onerror=alert(1)>|x"
    figures = ("auroc", "average_precision", "f1", "sensitivity", "specificity", "accuracy")
    model = {"name": name, "probability": None} | {f"{key}{end}": None for key in figures for end in ("", "_ci95")}
    counts = dict.fromkeys(("n_normal", "n_abnormal", "n_patients", "n_bootstrap", "seed"), 1)
    found = {"notice": name, "words": [name], "models": [model], "pairs": [], "seeds": None, "same_images": "x"}
    text = comparison_markdown(found | counts)
    assert text.count("&lt;img") == 3
    assert "<img" not in text
