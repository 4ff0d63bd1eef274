"""Tables and figures as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from imgae_monai.report.figures import Drawn
from imgae_monai.report.table import Table


def table_html(table: Table, heading: str = "h4", style: str = "") -> str:
    """A table that scrolls by itself where the screen is narrow, by keyboard as well."""
    columns = "".join(f"<th scope='col'>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in table.rows
    )
    note = f"<p class='more'>{escape(table.note)}</p>" if table.note else ""
    title = escape(table.title, quote=True)
    return (
        f"<{heading}>{title}</{heading}><div class='scroll {style}' tabindex='0' role='region' aria-label='{title}'>"
        f"<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def figures_html(figures: Sequence[Drawn]) -> str:
    """Figures side by side, as many as there is room for."""
    if not figures:
        return ""
    cells = "".join(
        f"<figure class='{'broad' if drawn.wide else 'square'}'>{drawn.svg}<figcaption>{escape(drawn.caption)}"
        "</figcaption></figure>"
        for drawn in figures
    )
    return f"<div class='figures'>{cells}</div>"
