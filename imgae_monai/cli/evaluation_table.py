"""What ``imgae-monai evaluate`` prints of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgae_monai.cli.evaluation_lines import format_interval, localization_lines, no_model_lines
from imgae_monai.report import no_model_words, promise_words

PRINTED = (
    "auroc",
    "partial_auroc",
    "average_precision",
    "f1",
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
    "balanced_accuracy",
)


def print_evaluation(folder: Path) -> None:
    """Print the figures of a folder's ``metrics.json``.

    Args:
        folder: what :py:class:`imgae_monai.handlers.EvaluationWriter` wrote to.
    """
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if metrics["synthetic"]:
        print(metrics["notice"])
    no_model = metrics.get("no_model")
    if no_model and not no_model["against_best"]["beats"]:  # False, or None where that is not known
        words = no_model_words("the model", metrics["auroc"], no_model)
        print(words[0].upper() + words[1:])
    print(f"{metrics['n_normal']} normal, {metrics['n_abnormal']} abnormal images of {metrics['n_patients']} patients")
    for name in PRINTED:
        print(f"  {name:18}{format_interval(metrics[name], metrics[f'{name}_ci95'])}")
    print(f"  {'threshold':18}{metrics['threshold']:.6g} ({metrics['threshold_source']})")
    if broken := promise_words(metrics):
        print(f"  {broken}")
    if metrics["interval_method"] == "linearised":
        print("  intervals by linearisation: too many images to draw as often as was asked for")
    for line in (*_optimistic(metrics["optimistic"]), *_subgroups(metrics["subgroups"])):
        print(f"  {line}")
    for line in (*no_model_lines(metrics), *localization_lines(metrics)):
        print(line)
    print(f"results: {folder}")


def _optimistic(best: dict[str, Any] | None) -> Iterator[str]:
    for name, words in (("youden", "Youden's J"), ("f1_max", "F1")) if best else ():
        at = best[name]  # type: ignore[index]
        figures = ", ".join(f"{figure} {at[figure]:.3f}" for figure in ("sensitivity", "specificity", "f1"))
        yield f"at the best threshold by {words}, {at['threshold']:.6g}: {figures} ({best['note']})"  # type: ignore[index]


def _subgroups(groups: list[dict[str, Any]]) -> Iterator[str]:
    if not groups:
        return
    names = [f"{row['group']} {row['value']}" for row in groups]
    width = max(18, *(len(name) + 2 for name in names))
    yield f"{'subgroup':{width}}{'normal':>8}{'abnormal':>10}  {'auroc':22}{'sensitivity':22}specificity"
    for name, row in zip(names, groups, strict=True):
        figures = [format_interval(row[key], row[f"{key}_ci95"]) for key in ("auroc", "sensitivity", "specificity")]
        counts = f"{row['n_normal']:8}{row['n_abnormal']:10}"
        yield f"{name:{width}}{counts}  {figures[0]:22}{figures[1]:22}{figures[2]}"
