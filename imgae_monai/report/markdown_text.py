"""Text of any origin in Markdown: as a sentence, and as the cells of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

# what may end a cell, begin HTML, a link, emphasis or code; an interval's bracket may stay
_MARKS = re.compile(r"[\\|`*]|\[(?![-+]?\d)|\](?=\()")
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")


def markdown_text(text: str) -> str:
    """One line of text that Markdown shows as it is.

    Example:
        >>> print(markdown_text("a|b <b> [0.1, 0.2] <0.001"))
        a\\|b &lt;b> [0.1, 0.2] <0.001
    """
    return _TAG.sub("&lt;", _MARKS.sub(lambda mark: f"\\{mark[0]}", " ".join(text.split())))


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up, so that it reads on a terminal too.

    Args:
        columns: names.
        rows: one text a column.
    """
    cells = [[markdown_text(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])
