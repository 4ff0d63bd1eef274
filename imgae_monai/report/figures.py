"""Every figure that an evaluation has the numbers for: for papers as PNG and PDF, for the page as SVG."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from imgae_monai.metrics import compute_curve_bands
from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.latent import Projection
from imgae_monai.visualize import (
    loss_history,
    plot_confusion,
    plot_forest,
    plot_latent,
    plot_localization,
    plot_losses,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_score_histogram,
    plot_specificity_curve,
)

Draw = Callable[[Path | BinaryIO, str | None], None]
_BAND_DRAWS = 2000
KINDS = ("png", "pdf")


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure that is yet to be drawn.

    Args:
        name: of its files, without suffix.
        caption: what must be known to read it.
        draw: called with the file to write and the format.
        wide: rows of text with intervals, which want more room than a curve.
    """

    name: str
    caption: str
    draw: Draw
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A figure that was drawn.

    Args:
        name: of its files, without suffix.
        caption: as there.
        svg: a fragment to stand in a page.
        wide: as there.
    """

    name: str
    caption: str
    svg: str
    wide: bool = False


def draw_figures(drawings: Sequence[Drawing], folder: Path) -> list[Drawn]:
    """Write each figure as PNG and PDF, and keep it as SVG.

    Args:
        drawings: what to draw.
        folder: where the files go; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for drawing in drawings:
        for kind in KINDS:
            drawing.draw(folder / f"{drawing.name}.{kind}", None)
        file = io.BytesIO()
        drawing.draw(file, "inline_svg")
        drawn.append(Drawn(drawing.name, drawing.caption, file.getvalue().decode(), drawing.wide))
    return drawn


def evaluation_drawings(evaluation: Evaluation) -> list[Drawing]:
    """The figures of one evaluation, in the order of the page."""
    metrics = evaluation.metrics or {}
    title = evaluation.name + (" (synthetic phantoms)" if metrics.get("synthetic") else "")
    drawings = _curves(evaluation, title)
    if metrics.get("specificity_curve"):
        drawings.append(_specificity(metrics, title))
    if metrics.get("threshold") is not None:
        drawings.append(_histogram(evaluation, metrics, title))
    if metrics.get("true_negatives") is not None:
        drawings.append(_confusion(metrics, title))
    if (metrics.get("probability") or {}).get("reliability"):
        drawings.append(_reliability(metrics, title))
    if evaluation.record:
        drawings += _losses(evaluation.record, title)
    if any(value is not None for value in ((metrics.get("localization") or {}).get("model") or {}).values()):
        drawings.append(_localization(metrics, title))
    return drawings + _forests(metrics, title)  # the tallest last


def _curves(evaluation: Evaluation, title: str) -> list[Drawing]:
    labels, series = evaluation.labels, {evaluation.name: evaluation.scores}
    bands = compute_curve_bands(evaluation.scores, labels, evaluation.patient_ids, n_draws=_BAND_DRAWS, seed=0)
    if bands is None:
        return []
    roc, precision_recall = ({evaluation.name: band} for band in bands)
    note = "Band: pointwise 95 % by bootstrap over patients."
    return [
        Drawing(
            "roc",
            f"ROC curve. {note}",
            lambda file, kind: plot_roc(file, series, labels, f"ROC, {title}", roc, kind),
        ),
        Drawing(
            "precision_recall",
            f"Precision over recall, in steps; it depends on the share of abnormal images. {note}",
            lambda file, kind: plot_precision_recall(
                file, series, labels, f"Precision and recall, {title}", precision_recall, kind
            ),
        ),
    ]


def _histogram(evaluation: Evaluation, metrics: Mapping[str, Any], title: str) -> Drawing:
    scores, labels, threshold = evaluation.scores, evaluation.labels, float(metrics["threshold"])
    return Drawing(
        "score_histogram",
        f"Scores of both classes, each as shares of its own. The threshold is {metrics['threshold_source']}.",
        lambda file, kind: plot_score_histogram(file, scores, labels, threshold, f"Scores, {title}", kind),
    )


def _confusion(metrics: Mapping[str, Any], title: str) -> Drawing:
    return Drawing(
        "confusion",
        "Decisions at the threshold in use.",
        lambda file, kind: plot_confusion(file, metrics, f"Decisions, {title}", kind),
    )


def _specificity(metrics: Mapping[str, Any], title: str) -> Drawing:
    curve, at = metrics["specificity_curve"], (metrics.get("calibration") or {}).get("specificity")
    return Drawing(
        "specificity_curve",
        "Does a threshold from validation normals keep its promise? Share of evaluated normals at or below each "
        "quantile of the validation normals; on the diagonal it does.",
        lambda file, kind: plot_specificity_curve(file, curve, f"Specificity, {title}", at, kind),
    )


def _reliability(metrics: Mapping[str, Any], title: str) -> Drawing:
    bins = metrics["probability"]["reliability"]
    return Drawing(
        "reliability",
        "Share of abnormal images among those that were given a probability.",
        lambda file, kind: plot_reliability(file, bins, f"Reliability, {title}", kind),
    )


def _forests(metrics: Mapping[str, Any], title: str) -> list[Drawing]:
    drawings = []
    if metrics.get("auroc") is None:
        return []
    if metrics.get("no_model"):
        scores = sorted(metrics["no_model"]["scores"], key=lambda s: -(s["strength"] or 0))
        rows = [_overall("the model", metrics)]
        rows += [
            {
                "label": s["name"],
                "value": s["strength"],
                "interval": s["strength_interval"],
                "n": "",
                "group": "no model",
            }
            for s in scores
        ]
        text = "The model's AUROC beside the strength of scores that need no model, which a model must beat."
        drawings.append(
            _forest("no_model", text, rows, "AUROC (no model: of whichever sign is better)", f"No model, {title}", 0.5)
        )
    if metrics.get("subgroups"):
        rows = [_overall("all images", metrics)] + [
            {
                "label": f"{group['value']}",
                "value": group.get("auroc"),
                "interval": group.get("auroc_ci95"),
                "n": _count(group),
                "group": str(group["group"]),
            }
            for group in metrics["subgroups"]
        ]
        text = "AUROC by subgroup; n is normal and abnormal images. The line is the AUROC of all images."
        drawings.append(_forest("subgroups", text, rows, "AUROC", f"Subgroups, {title}", metrics.get("auroc")))
    return drawings


def _forest(
    name: str, caption: str, rows: list[dict[str, Any]], x_label: str, title: str, reference: float | None
) -> Drawing:
    return Drawing(name, caption, lambda file, kind: plot_forest(file, rows, x_label, title, reference, kind), True)


def _overall(label: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    found = {"value": metrics.get("auroc"), "interval": metrics.get("auroc_ci95")}
    return {"label": label, **found, "n": _count(metrics)}


def _count(group: Mapping[str, Any]) -> str:
    return f"{group['n_normal']:,} + {group['n_abnormal']:,}"


def _localization(metrics: Mapping[str, Any], title: str) -> Drawing:
    found = metrics["localization"]
    return Drawing(
        "localization",
        "Where the maps point, beside a Gaussian at the image's centre that has seen no image.",
        lambda file, kind: plot_localization(file, found, f"Localisation, {title}", kind),
        wide=True,
    )


def _losses(record: Mapping[str, Any], title: str) -> list[Drawing]:
    history = loss_history(record)
    if not history:
        return []
    best = record.get("best_epoch")
    caption = "Loss by epoch. "
    if len(history) > 2:
        caption += "The losses of training are other quantities than that of validation, the error of reconstructions."
    else:
        caption += "Training images are augmented and dropout is on, so that the two may lie apart."
    return [Drawing("losses", caption, lambda file, kind: plot_losses(file, history, f"Losses, {title}", best, kind))]


def latent_drawings(projection: Projection, labels: Any, title: str) -> list[Drawing]:
    """The network's codes of images in two dimensions, by PCA and by t-SNE."""
    first, second = projection.explained
    components = (f"component 1 ({first:.0%} of the variance)", f"component 2 ({second:.0%})")
    return [
        Drawing(
            "latent_pca",
            "Codes by the two directions of their largest variance.",
            lambda file, kind: plot_latent(file, projection.pca, labels, f"{title}: PCA of codes", components, kind),
        ),
        Drawing(
            "latent_tsne",
            f"Codes by t-SNE (perplexity {projection.perplexity:.0f}). Who is near whom counts; distances between "
            "groups, their sizes and the axes mean little, and another seed gives another picture.",
            lambda file, kind: plot_latent(
                file, projection.tsne, labels, f"{title}: t-SNE of codes", ("t-SNE 1", "t-SNE 2"), kind
            ),
        ),
    ]
