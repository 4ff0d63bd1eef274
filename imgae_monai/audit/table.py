"""The findings as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgae_monai.audit.audit import Audit
from imgae_monai.audit.finding import Finding
from imgae_monai.audit.shortcuts import EXPLANATIONS, Shortcut
from imgae_monai.data.datalist import SYNTHETIC_NOTICE

_SHOWN_GROUPS = 5
_SHOWN_IMAGES = 4


def format_audit(audit: Audit) -> str:
    """Verdict, counts, findings and shortcuts, with the first few files of each finding."""
    report = audit.to_dict()
    lines = [SYNTHETIC_NOTICE] if audit.source.synthetic else []
    lines += [f"fell back: {reason}" for reason in audit.source.fallbacks]
    lines += [f"{report['n_images']} images of {audit.source.origin}", f"{audit.verdict}.", ""]
    lines += _count_lines(report)
    for finding in audit.findings:
        lines += ["", *_finding_lines(finding, Path(audit.source.origin))]
    if audit.shortcuts:
        lines += ["", "Without any model, on the test split (95 % intervals by patient):"]
        lines.append(f"  {'score':32}{'AUROC':24}either sign")
        lines += [_shortcut_line(shortcut) for shortcut in audit.shortcuts]
    return "\n".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    """A file's name may hold a line break, a terminal's control codes or bytes that are no UTF-8."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _count_lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"  {'':18}{'normal':>8}{'abnormal':>10}{'patients':>10}"
    for split, counts in report["counts"].items():
        yield f"  {split:18}{counts['normal']:>8}{counts['abnormal']:>10}{counts['patients']:>10}"
    for key in ("view", "sex"):
        for value, by_split in report[f"counts_by_{key}"].items():
            for split, counts in by_split.items():
                if counts["patients"]:
                    name = f"{split}, {key} {value}"
                    yield f"  {name:18}{counts['normal']:>8}{counts['abnormal']:>10}{counts['patients']:>10}"


def _finding_lines(finding: Finding, root: Path) -> Iterator[str]:
    yield f"{finding.severity.upper():8} {finding.title} ({finding.message})"
    for group in finding.groups[:_SHOWN_GROUPS]:
        shown = " | ".join(short_name(image, root) for image in group.images[:_SHOWN_IMAGES])
        more = f" and {len(group.images) - _SHOWN_IMAGES} more" if len(group.images) > _SHOWN_IMAGES else ""
        yield f"  {shown}{more}{': ' if shown else ''}{group.detail}"
    if len(finding.groups) > _SHOWN_GROUPS:
        yield f"  ... and {len(finding.groups) - _SHOWN_GROUPS} more"


def short_name(image: str, root: Path) -> str:
    """An image's path below the source's folder where it lies there."""
    prefix = f"{root}/"
    return image[len(prefix) :] if image.startswith(prefix) else image


def _shortcut_line(shortcut: Shortcut) -> str:
    auroc = f"{shortcut.auroc:.3f}" + (" [{:.3f}, {:.3f}]".format(*shortcut.interval) if shortcut.interval else "")
    return f"  {shortcut.name:32}{auroc:24}{shortcut.strength:.3f}  {EXPLANATIONS[shortcut.name]}"
