"""A report as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from imgae_monai.page import STYLE
from imgae_monai.report.comparison_content import ComparisonContent
from imgae_monai.report.content import RunContent, level_of
from imgae_monai.report.page_script import SCRIPT, content_policy
from imgae_monai.report.page_style import REPORT_STYLE
from imgae_monai.report.run_html import PARTS, run_html, verdict_html
from imgae_monai.report.table_html import figures_html, table_html


def render_page(runs: Sequence[RunContent], comparison: ComparisonContent | None = None) -> str:
    """Build the page: verdicts first, then the comparison, then figures, pictures, codes and settings of each run.

    Args:
        runs: at least one.
        comparison: of several.

    Returns:
        HTML; every text from the data is escaped.
    """
    names = " and ".join(content.name for content in runs)
    several = comparison is not None
    words = runs[0].verdict if comparison is None else comparison.words
    levels = [content.level for content in runs]
    levels += [level_of(model) for model in comparison.result.get("models", ())] if comparison else []
    level = next(level for level in ("error", "warning", "good") if level in levels)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f'<meta http-equiv="Content-Security-Policy" content="{content_policy()}">',
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Report: {escape(names)}</title><style>{STYLE}{REPORT_STYLE}</style></head><body><main>",
        f"<header>{_notices(runs)}<h1>{escape(names)}</h1>{_source(runs)}</header>{verdict_html(words, level)}",
        _navigation(runs, comparison is not None),
        "" if comparison is None else _comparison(comparison),
    ]
    for index, content in enumerate(runs, start=1):
        if several:
            parts.append(f"<h2 id='run{index}'>{escape(content.name)}</h2>")
            parts.append(verdict_html(content.verdict, content.level))
            parts.append(f"<p>{escape(content.seeds_note)}</p>" if content.seeds_note else "")
        else:
            parts.append("<h2 class='hidden'>Evaluation</h2>")
        parts.append(run_html(content, f"run{index}-"))
    parts.append(f"</main><script>{SCRIPT}</script></body></html>")
    return "\n".join(parts)


def _notices(runs: Sequence[RunContent]) -> str:
    notices = dict.fromkeys(notice for content in runs for notice in content.notices)
    return "".join(f"<p class='notice' role='note'>{escape(notice)}</p>" for notice in notices)


def _source(runs: Sequence[RunContent]) -> str:
    first = runs[0].evaluation
    metrics = first.metrics or {}
    count = (
        f"{len(first.images):,} images ({metrics.get('n_normal', 0):,} normal, {metrics.get('n_abnormal', 0):,} "
        f"abnormal) of {metrics.get('n_patients', 0):,} patients"
    )
    where = f", {metrics['split']} split of {metrics['data']}" if metrics.get("data") else ""
    return f"<p class='source'>{escape(count + where)}. Research only; not for clinical use.</p>"


def _navigation(runs: Sequence[RunContent], compared: bool) -> str:
    links = [("comparison", "Comparison")] if compared else []
    if compared:
        links += [(f"run{index}", content.name) for index, content in enumerate(runs, start=1)]
    else:
        links += [(f"run1-{part}", title) for part, title in PARTS.items()]
    items = "".join(f"<li><a href='#{target}'>{escape(text)}</a></li>" for target, text in links)
    return f"<nav aria-label='Contents'><ul>{items}</ul></nav>"


def _comparison(comparison: ComparisonContent) -> str:
    tables = "".join(table_html(table) for table in comparison.tables)
    return (
        "<h2 id='comparison'>Comparison</h2><section aria-labelledby='comparison'>"
        f"{figures_html(comparison.figures)}{tables}</section>"
    )
