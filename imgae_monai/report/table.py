"""A table, before it takes the form of a page or of Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text.

    Args:
        title: heading.
        columns: names; the first column holds the rows' names, the others numbers.
        rows: one text a column.
        note: what must be known to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""
