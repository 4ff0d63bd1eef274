"""The findings as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from imgae_monai.audit.audit import Audit
from imgae_monai.audit.finding import Finding, Group
from imgae_monai.audit.shortcuts import SHORTCUT_BOUND, Shortcut
from imgae_monai.audit.table import short_name
from imgae_monai.data.datalist import SYNTHETIC_NOTICE
from imgae_monai.data.image_reader import read_image
from imgae_monai.exceptions import InputError
from imgae_monai.page import STYLE, jpeg_uri

THUMBNAIL_PIXELS = 128
MAX_THUMBNAILS = 300  # on the page: some 5 kB each
_MAX_GROUPS = 24  # of a finding
_MAX_IN_GROUP = 4
_MAX_DETAIL = 300  # characters


def render_page(audit: Audit, window: str = "auto") -> str:
    """Build the page: verdict first, then findings with pictures, shortcuts, counts.

    Args:
        audit: of the set.
        window: as in :py:func:`imgae_monai.data.read_image`, for the pictures.

    Returns:
        HTML; every text from the data is escaped.
    """
    report = audit.to_dict()
    root = Path(audit.source.origin)
    pictures = _Pictures(window)
    level = next((s for s in ("error", "warning") if audit.of(s)), "good")
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Data check: {escape(root.name)}</title><style>{STYLE}</style></head><body><main>",
        f"<p class='notice'>{escape(SYNTHETIC_NOTICE)}</p>" if audit.source.synthetic else "",
        *(f"<p class='notice'>fell back: {escape(reason)}</p>" for reason in audit.source.fallbacks),
        f"<h1>Data check</h1><p class='source'>{report['n_images']:,} images of {escape(audit.source.origin)}</p>",
        f"<p class='verdict {level}'>{escape(audit.verdict)}.</p>",
        *(_section(finding, root, pictures) for finding in audit.findings),
        _shortcut_table(audit.shortcuts, audit.n_components),
        _count_table(report),
        f"<p class='foot'>Read and checked in {audit.seconds:.1f} s. All files are named in report.json.</p>",
        "</main></body></html>",
    ]
    return "\n".join(parts)


class _Pictures:
    """Thumbnails as data URIs, up to a number a page."""

    def __init__(self, window: str) -> None:
        self.window = window
        self.left = MAX_THUMBNAILS

    def __call__(self, image: str) -> str:
        if self.left <= 0:
            return ""
        try:
            values = read_image(image, self.window)
        except InputError:
            return "<div class='blank'>no picture</div>"
        self.left -= 1
        grey = values if values.ndim == 2 else values[..., values.shape[2] // 2]
        return f"<img alt='' src='{jpeg_uri(grey, THUMBNAIL_PIXELS)}'>"


def _section(finding: Finding, root: Path, pictures: _Pictures) -> str:
    shown = finding.groups[:_MAX_GROUPS]
    more = len(finding.groups) - len(shown)
    return (
        f"<section><h2><span class='tag {finding.severity}'>{finding.severity}</span> {escape(finding.title)}</h2>"
        f"<p>{escape(finding.message[:1].upper() + finding.message[1:])}.</p><div class='groups'>"
        + "".join(_figure(group, root, pictures) for group in shown)
        + "</div>"
        + (f"<p class='more'>and {more:,} more in report.json</p>" if more else "")
        + "</section>"
    )


def _figure(group: Group, root: Path, pictures: _Pictures) -> str:
    shown = group.images[:_MAX_IN_GROUP]
    more = len(group.images) - len(shown)
    cells = "".join(
        f"<div class='cell'>{pictures(image)}<span class='name'>{escape(short_name(image, root))}</span></div>"
        for image in shown
    )
    detail = group.detail if len(group.detail) <= _MAX_DETAIL else group.detail[:_MAX_DETAIL] + " ..."
    rest = f" (and {more:,} more images)" if more else ""
    row = f"<div class='row'>{cells}</div>" if cells else ""
    return f"<figure>{row}<figcaption>{escape(detail)}{rest}</figcaption></figure>"


def _shortcut_table(shortcuts: list[Shortcut], n_components: int) -> str:
    if not shortcuts:
        return ""
    rows = "".join(_shortcut_row(shortcut.to_dict()) for shortcut in shortcuts)
    return (
        "<section><h2>Without any model</h2><p>AUROC on the test split, 95 % intervals by patient. Strength is the "
        "AUROC of whichever sign is better: a model must beat it to show anything. The line marks "
        f"{SHORTCUT_BOUND}; the PCA has {n_components} components.</p><div class='scroll'><table><thead><tr>"
        "<th>score</th><th>AUROC</th><th class='wide'>strength, 0.5 to 1</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _shortcut_row(shortcut: dict[str, Any]) -> str:
    interval = "[{:.3f}, {:.3f}]".format(*shortcut["interval"]) if shortcut["interval"] else "no interval"
    weak, strong = shortcut["strength_interval"] or (shortcut["strength"],) * 2
    left, right = (min(100.0, max(0.0, (x - 0.5) * 200)) for x in (weak, strong))
    point = (shortcut["strength"] - 0.5) * 200
    level = "over" if shortcut["strength_interval"] and weak > SHORTCUT_BOUND else "under"
    return (
        f"<tr><td>{escape(shortcut['explanation'])}<br><code>{escape(shortcut['name'])}</code></td>"
        f"<td class='number'>{shortcut['auroc']:.3f}<br><small>{interval}</small></td>"
        f"<td><div class='scale {level}'><i class='bound' style='left:{(SHORTCUT_BOUND - 0.5) * 200:.0f}%'></i>"
        f"<i class='range' style='left:{left:.1f}%;width:{right - left:.1f}%'></i>"
        f"<i class='point' style='left:{point:.1f}%'></i></div><small>{shortcut['strength']:.3f}</small></td></tr>"
    )


def _count_table(report: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td class='number'>{counts[key]:,}</td>" for key in ("normal", "abnormal", "patients"))
        + "</tr>"
        for name, counts in _counted(report)
    )
    return (
        "<section><h2>What there is</h2><div class='scroll'><table><thead><tr><th>split</th><th>normal</th>"
        f"<th>abnormal</th><th>patients</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _counted(report: dict[str, Any]) -> Iterator[tuple[str, dict[str, int]]]:
    yield from report["counts"].items()
    for key in ("view", "sex"):
        for value, by_split in report[f"counts_by_{key}"].items():
            for split, counts in by_split.items():
                if counts["patients"]:
                    yield f"{split}, {key} {value}", counts
