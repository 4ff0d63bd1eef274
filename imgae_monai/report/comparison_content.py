"""What a report says of several runs together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.metrics import compute_curve_bands
from imgae_monai.report.comparison import compare_evaluations
from imgae_monai.report.comparison_table import OF_TRAININGS, comparison_tables
from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.figures import Drawing, Drawn, draw_figures
from imgae_monai.report.same_images import align
from imgae_monai.report.table import Table
from imgae_monai.visualize import plot_differences, plot_forest, plot_precision_recall, plot_roc, plot_seeds

_BAND_DRAWS = 2000
_BANDED = 3  # models whose bands can still be told apart


@dataclasses.dataclass(frozen=True)
class ComparisonContent:
    """Several runs on the same images.

    Args:
        words: the answers.
        result: what :py:func:`imgae_monai.report.compare_evaluations` found.
        tables: of it.
        figures: drawn.
    """

    words: list[str]
    result: dict[str, Any]
    tables: list[Table]
    figures: list[Drawn]


def make_comparison(evaluations: Sequence[Evaluation], folder: Path, seed: int = 0) -> ComparisonContent:
    """Compare runs and draw the comparison.

    Args:
        evaluations: two or more, on the same images.
        folder: of the figures.
        seed: of the draws.

    Raises:
        InputError: when they are of other images, see :py:func:`imgae_monai.report.same_images.align`.
    """
    result = compare_evaluations(evaluations, seed=seed)
    aligned, _ = align(evaluations)
    figures = draw_figures(_drawings(aligned, result), folder)
    return ComparisonContent(result["words"], result, comparison_tables(result), figures)


def _drawings(evaluations: Sequence[Evaluation], result: dict[str, Any]) -> list[Drawing]:
    title = " (synthetic phantoms)" if result["notice"] else ""
    drawings = _curves(evaluations, title)
    if not drawings:  # one class: AUROC is undefined
        return []
    models = [
        {"label": model["name"], "value": model["auroc"], "interval": model["auroc_ci95"], "n": ""}
        for model in result["models"]
    ]
    bound = float(result["bound"])
    drawings.append(
        Drawing(
            "models",
            f"AUROC of each with its 95 % interval; the line marks {bound:g}.",
            lambda file, kind: plot_forest(file, models, "AUROC", f"Models{title}", bound, kind),
            wide=True,
        )
    )
    differences = [
        {
            "label": f"{pair['a']} - {pair['b']}",
            "difference": pair["auroc"]["delong"]["difference"],
            "interval": pair["auroc"]["delong"]["interval"],
            "p_value": pair["auroc"]["delong"]["p_holm"],
        }
        for pair in result["pairs"]
    ]
    if differences:
        drawings.append(
            Drawing(
                "differences",
                "Differences of AUROC with 95 % intervals (DeLong, by patient) and p by Holm; none is shown where the "
                f"interval holds 0 or p is 0.05 or more.{'' if result['seeds'] is None else ' ' + OF_TRAININGS}",
                lambda file, kind: plot_differences(file, differences, "difference of AUROC", f"Pairs{title}", kind),
                wide=True,
            )
        )
    if result["seeds"] is not None:
        values = {model["name"]: model["auroc"]["values"] for model in result["seeds"]["models"]}
        drawings.append(
            Drawing(
                "seeds",
                "AUROC of each seed and their mean: what training by chance changes.",
                lambda file, kind: plot_seeds(file, values, "AUROC", f"Seeds{title}", bound, kind),
                wide=True,
            )
        )
    return drawings


def _curves(evaluations: Sequence[Evaluation], title: str) -> list[Drawing]:
    labels = evaluations[0].labels
    if labels.all() or not labels.any():
        return []
    series = {evaluation.name: evaluation.scores for evaluation in evaluations}
    roc, precision_recall = {}, {}
    for evaluation in evaluations if len(evaluations) <= _BANDED else ():
        bands = compute_curve_bands(evaluation.scores, labels, evaluation.patient_ids, n_draws=_BAND_DRAWS, seed=0)
        if bands is not None:
            roc[evaluation.name], precision_recall[evaluation.name] = bands
    note = " Bands overlap where a paired test may still tell two models apart." if roc else ""
    return [
        Drawing(
            "roc", f"ROC curves.{note}", lambda file, kind: plot_roc(file, series, labels, f"ROC{title}", roc, kind)
        ),
        Drawing(
            "precision_recall",
            f"Precision over recall.{note}",
            lambda file, kind: plot_precision_recall(
                file, series, labels, f"Precision and recall{title}", precision_recall, kind
            ),
        ),
    ]
