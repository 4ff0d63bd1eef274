"""A comparison as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgae_monai.report.comparison_table import comparison_tables
from imgae_monai.report.markdown_text import markdown_table, markdown_text


def comparison_markdown(comparison: Mapping[str, Any]) -> str:
    """What was found, in words and tables, and how it was computed.

    Args:
        comparison: see :py:func:`imgae_monai.report.comparison.compare_evaluations`.

    Returns:
        the page.
    """
    lines = ["# Comparison", ""]
    if comparison["notice"]:
        lines += [f"**{markdown_text(comparison['notice'])}**", ""]
    lines += [f"- {markdown_text(words)}" for words in comparison["words"]]
    for table in comparison_tables(comparison):
        lines += ["", f"## {table.title}", "", markdown_table(table.columns, table.rows)]
        lines += ["", markdown_text(table.note)] if table.note else []
    lines += ["", "## How", ""]
    lines += [f"- {markdown_text(sentence)}" for sentence in _how(comparison)]
    return "\n".join(lines) + "\n"


def _how(comparison: Mapping[str, Any]) -> list[str]:
    c = comparison
    lines = [
        f"{c['n_normal']} normal and {c['n_abnormal']} abnormal images of {c['n_patients']} patients, the same for all "
        f"models ({c['same_images']}). Patients, not images, are the unit of every interval and test.",
        "Differences are of the first model less the second. AUROC: DeLong 1988 with placements summed by patient "
        f"(Obuchowski 1997), and a paired bootstrap of patients ({c['n_bootstrap']} draws, seed {c['seed']}; for very "
        "many images linearised). Words follow DeLong's interval.",
        "Decisions are each model's, at its own threshold. Where every patient has one image the exact test of "
        "McNemar, else Obuchowski 1998 by patient.",
        "p (Holm) is corrected over the pairs within each kind of test. Effects: d' is sqrt(2) times the normal "
        "quantile of the AUROC, h Cohen's for proportions.",
    ]
    if c["seeds"] is not None:
        lines.append(
            "Over seeds: the interval holds chance of patients (DeLong's covariance of all seeds) and of training "
            "(variance of the seeds' AUROCs), on a t distribution by Satterthwaite; what a seed does to single "
            "patients counts in both, so that it is rather too wide. Welch's t is of training alone, on these images."
        )
    for m in c.get("cost") or []:
        if "reason" in m:
            lines.append(f"Cost of {m['name']}: {m['reason']}.")
            continue
        memory = "peak of the tensors on it" if m["added_memory_mb"] is None else "peak of a fresh process"
        lines.append(
            f"Cost of {m['name']}: on {m['device_name']} ({m['device']}, {m['n_threads']} thread(s)), images of "
            f"{m['image_size']} px, batches of {m['batch_size']}; the network alone in full precision, medians of "
            f"{m['n_repeats'][0]} and {m['n_repeats'][1]} passes; memory is the {memory}."
        )
    return lines
