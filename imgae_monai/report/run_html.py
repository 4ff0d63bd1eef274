"""A run's part of the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from imgae_monai.report.content import RunContent, shown_rows
from imgae_monai.report.gallery_html import gallery_html
from imgae_monai.report.settings import commands, settings_table
from imgae_monai.report.table_html import figures_html, table_html

PARTS = {"figures": "Figures", "pictures": "Pictures", "codes": "Codes", "settings": "Settings"}


def verdict_html(words: Sequence[str], level: str) -> str:
    """The answers, the first one large.

    Args:
        words: sentences.
        level: ``good``, ``warning`` or ``error``.
    """
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in words)
    return f"<div class='verdict {level}'>{sentences}</div>"


def run_html(content: RunContent, prefix: str) -> str:
    """Figures, pictures, codes and settings of a run.

    Args:
        content: of the run.
        prefix: of ids, which are of one run only.
    """
    return "".join(
        f"<section aria-labelledby='{prefix}{part}'><h3 id='{prefix}{part}'>{title}</h3>"
        f"{build(content, prefix)}</section>"
        for (part, title), build in zip(PARTS.items(), (_figures, _pictures, _codes, _settings), strict=True)
    )


def _figures(content: RunContent, prefix: str) -> str:
    first, *others = content.tables
    rest = "".join(table_html(table) for table in others)
    where = f"<p class='more'>The same figures as PNG and PDF: folder {escape(content.folder)}.</p>"
    return table_html(first) + figures_html(content.figures) + where + rest


def _pictures(content: RunContent, prefix: str) -> str:
    if content.gallery is None:
        return f"<p class='warning'>No pictures: {escape(content.no_gallery)}.</p>"
    shown = shown_rows(content)
    table = "" if shown is None else table_html(shown)
    return gallery_html(content, content.gallery, prefix) + table


def _codes(content: RunContent, prefix: str) -> str:
    return f"<p class='more'>{escape(content.latent_note)}</p>{figures_html(content.latent)}"


def _settings(content: RunContent, prefix: str) -> str:
    table = settings_table(content.evaluation)
    config = (content.evaluation.metrics or {}).get("config")
    parts = []
    repeat = commands(content.evaluation)
    if repeat:
        lines = escape("\n".join(repeat))
        parts.append(f"<h4>To repeat it</h4><pre class='commands' tabindex='0'>{lines}</pre>")
    if table is None:
        parts.append("<p>The scores came as a CSV file, without settings.</p>")
    else:
        rows = table_html(table, style="settings")
        parts.append(f"<details class='paper'><summary>Settings, software and hardware</summary>{rows}</details>")
    if config:
        text = escape(json.dumps(config, indent=1))
        parts.append(f"<details><summary>Config as run</summary><pre tabindex='0'>{text}</pre></details>")
    return "".join(parts)
