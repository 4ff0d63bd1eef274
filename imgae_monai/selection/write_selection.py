"""A selection as files: JSON, a table, and the settings that were chosen."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from imgae_monai.report.markdown_text import markdown_table, markdown_text

PARTS = ("selection.json", "selection.md", "selected.yaml")
NOTICE = "Synthetic anomalies of normal images are not lesions: this ranks scores, and says nothing of a disease."


def write_selection(result: Mapping[str, Any], folder: Path) -> None:
    """Write ``selection.json``, ``selection.md`` and the overlay ``selected.yaml``.

    Args:
        result: as :py:func:`imgae_monai.selection.select` gives it, and perhaps ``notice``.
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "selection.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "selection.md").write_text(selection_markdown(result), encoding="utf-8")
    (folder / "selected.yaml").write_text(selection_overlay(result), encoding="utf-8")


def selection_flags(result: Mapping[str, Any]) -> str:
    """Flags of ``imgae-monai calibrate`` and ``evaluate`` that give the chosen score."""
    words = []
    for name, value in result["chosen"]["settings"].items():
        text = (",".join(value) or "none") if isinstance(value, list) else str(value)
        words += [f"--{name}", shlex.quote(text.lower() if isinstance(value, bool) else text)]
    return " ".join(words)


def selection_overlay(result: Mapping[str, Any]) -> str:
    """The chosen score as a config to lay over ``train.json``."""
    chosen = result["chosen"]
    head = f"# {chosen['model']} with {chosen['score']}: chosen by imgae-monai select, without any label.\n"
    return head + yaml.safe_dump(chosen["settings"], sort_keys=False)


def selection_sentences(result: Mapping[str, Any]) -> list[str]:
    """What was found, in words."""
    chosen, best = (next(row for row in result["rows"] if row[key]) for key in ("chosen", "best"))
    words = [_verdict(chosen, "chosen")]
    if best is not chosen:
        words.append(
            f"{_verdict(best, 'the best')}; the chosen one is simpler and {chosen['behind_best']:.3f} behind it, "
            f"within one standard error ({chosen['behind_best_se']:.3f})."
        )
    if result["left_out"]:
        words.append(f"Left out, as a run was trained to restore it: {', '.join(result['left_out'])}.")
    return [*words, NOTICE]


def _verdict(row: Mapping[str, Any], what: str) -> str:
    return (
        f"{what}: {row['model']} with {row['score']}, AUROC {row['mean_auroc']:.3f} (standard error "
        f"{row['standard_error']:.3f}), worst family {row['worst_auroc']:.3f}"
    )


def selection_markdown(result: Mapping[str, Any]) -> str:
    """All rows as a table, the best first."""
    families = [name for name in result["families"] if name not in result["left_out"]] + list(result["left_out"])
    marked = [f"{name} (left out)" if name in result["left_out"] else name for name in families]
    columns = ["model", "score", "mean AUROC", "SE", "worst", "behind (SE)", "complexity", "pixel AUROC", *marked]
    rows = [
        [
            row["model"],
            row["score"] + (" (chosen)" if row["chosen"] else ""),
            f"{row['mean_auroc']:.3f}",
            f"{row['standard_error']:.3f}",
            f"{row['worst_auroc']:.3f}",
            "best" if row["best"] else f"{row['behind_best']:.3f} ({row['behind_best_se']:.3f})",
            str(row["complexity"]),
            "undefined" if row["mean_pixel_auroc"] is None else f"{row['mean_pixel_auroc']:.3f}",
            *(f"{row['auroc'][family]:.3f}" for family in families),
        ]
        for row in result["rows"]
    ]
    notice = [f"> **{markdown_text(result['notice'])}**"] if result.get("notice") else []
    runs = [f"{model['name']}: {len(model['runs'])} run(s)" for model in result["models"]]
    how = (
        f"{result['n_patients']} patients with normal validation images, {result['n_copies']} copies of each image by "
        f"each family; {'; '.join(runs)}. What a score learns from normal images it learned from the other half of the "
        f"patients. SE: {result['n_bootstrap']} bootstrap draws of patients."
    )
    parts = ["# Selection", *notice, *map(markdown_text, selection_sentences(result)), markdown_text(how)]
    flags = f"```\n{selection_flags(result)}\n```"
    return "\n\n".join([*parts, "Flags of the chosen score:", flags, markdown_table(columns, rows)]) + "\n"
