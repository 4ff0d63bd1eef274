"""A report as Markdown, with its figures beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imgae_monai.report.comparison_content import ComparisonContent
from imgae_monai.report.content import RunContent, shown_rows
from imgae_monai.report.figures import Drawn
from imgae_monai.report.markdown_text import markdown_table, markdown_text
from imgae_monai.report.settings import commands, settings_table
from imgae_monai.report.table import Table


def render_markdown(runs: Sequence[RunContent], comparison: ComparisonContent | None = None) -> str:
    """Build the text: verdicts first, then the comparison, then tables, figures and settings of each run.

    Args:
        runs: at least one.
        comparison: of several.

    Returns:
        Markdown; text from the data can't end a cell or begin HTML.
    """
    notices = dict.fromkeys(notice for content in runs for notice in content.notices)
    parts = [f"# {markdown_text(' and '.join(content.name for content in runs))}"]
    parts += [f"> **{markdown_text(notice)}**" for notice in notices]
    parts += [markdown_text(sentence) for sentence in (runs[0].verdict if comparison is None else comparison.words)]
    if comparison is not None:
        parts += [
            "## Comparison",
            *_figures(comparison.figures, "figures"),
            *map(_table, comparison.tables),
        ]
    for content in runs:
        parts += _run(content, [] if comparison is None else content.verdict)
    return "\n\n".join(parts) + "\n"


def _run(content: RunContent, verdict: Sequence[str]) -> list[str]:
    parts = [
        f"## {markdown_text(content.name)}",
        *map(markdown_text, verdict),
        *([markdown_text(content.seeds_note)] if content.seeds_note else []),
    ]
    parts += map(_table, content.tables)
    parts += _figures(content.figures, content.folder)
    shown = shown_rows(content)
    parts.append("### Pictures" if shown else f"### Pictures\n\nNone: {markdown_text(content.no_gallery)}.")
    parts += [_table(shown)] if shown else []
    parts += ["### Codes", markdown_text(content.latent_note), *_figures(content.latent, content.folder)]
    settings = settings_table(content.evaluation)
    parts += [_table(settings)] if settings else []
    repeat = "\n".join(commands(content.evaluation))
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", f"{repeat}``")))  # longer than any in a path
    return [*parts, *([f"{fence}\n{repeat}\n{fence}"] if repeat else [])]


def _figures(figures: Sequence[Drawn], folder: str) -> list[str]:
    return [f"![{markdown_text(drawn.caption)}]({folder}/{drawn.name}.png)" for drawn in figures]


def _table(table: Table) -> str:
    lines = [f"### {markdown_text(table.title)}", "", markdown_table(table.columns, table.rows)]
    return "\n".join([*lines, *(["", markdown_text(table.note)] if table.note else [])])
