"""The numbers of an evaluation as tables, for the page and for Markdown alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.table import Table

_OPTIMISTIC = "optimistic, uses test labels"
_KEY_FIGURES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "partial_auroc": "partial AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "f1": "F1",
    "positive_likelihood_ratio": "positive likelihood ratio",
    "negative_likelihood_ratio": "negative likelihood ratio",
}
_SUBGROUP_FIGURES = ("auroc", "sensitivity", "specificity")
_LOCALIZATION = {
    "pixel_auroc": "pixel AUROC",
    "pixel_average_precision": "pixel average precision",
    "best_dice_optimistic": f"best Dice ({_OPTIMISTIC})",
    "aupro": "AUPRO",
    "pointing_game": "pointing game, hit rate",
    "iou": "IoU of the thresholded map",
}


def number(value: float | None, digits: int = 3) -> str:
    """A number to so many decimals, ``undefined`` for None."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def between(interval: Sequence[float] | None, digits: int = 3) -> str:
    """An interval in brackets, ``no interval`` for None."""
    return (
        "no interval" if interval is None else f"[{interval[0]:.{digits}f},\N{NO-BREAK SPACE}{interval[1]:.{digits}f}]"
    )


def key_figures(metrics: Mapping[str, Any]) -> Table:
    """The figures of all images, those at thresholds that test labels chose at the end and marked."""
    names = dict(_KEY_FIGURES)
    if metrics.get("partial_auroc_min_specificity") is not None:
        names["partial_auroc"] += f" (specificity of at least {metrics['partial_auroc_min_specificity']:g})"
    rows = [
        (name, number(metrics[key]), between(metrics.get(f"{key}_ci95")))
        for key, name in names.items()
        if key in metrics
    ]
    rows += _of_probability(metrics.get("probability") or {})
    for key, name in (("youden", "Youden's J"), ("f1_max", "largest F1")):
        found = (metrics.get("optimistic") or {}).get(key)
        if found:
            for figure in ("sensitivity", "specificity", "f1"):
                where = f"{_KEY_FIGURES[figure]} at the threshold of {name}, {found['threshold']:.4g}"
                rows.append((f"{where} ({_OPTIMISTIC})", number(found.get(figure)), "no interval"))
    how = {"bootstrap": f"bootstrap over patients, {metrics.get('n_bootstrap') or 0:,} draws"}
    how |= {"linearised": "linearisation, by patients"}
    method = how.get(str(metrics.get("interval_method", "bootstrap")), str(metrics.get("interval_method")))
    note = f"95 % intervals by {method}."
    if metrics.get("threshold") is not None:
        note += (
            f" Sensitivity to likelihood ratios are at the threshold {metrics['threshold']:.6g}: "
            f"{metrics['threshold_source']}."
        )
    return Table("Key figures", ("figure", "value", "95 % interval"), rows, note)


def _of_probability(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Figures of the probabilities, where the scores came with some."""
    if not found:
        return []
    error = found.get("expected_calibration_error")
    return [
        ("Brier score", number(found.get("brier")), between(found.get("brier_ci95"))),
        ("expected calibration error (bins of equal width)", number(error), "no interval"),
    ]


def confusion(evaluation: Evaluation) -> Table | None:
    """Counts of decisions by truth; None where no decision is known."""
    if evaluation.decisions is None:
        return None
    rows = []
    for label, name in ((0, "normal"), (1, "abnormal")):
        of_class = evaluation.decisions[evaluation.labels == label]
        called = int(of_class.sum())
        rows.append((name, f"{len(of_class) - called:,}", f"{called:,}", f"{len(of_class):,}"))
    columns = ("truth", "decided normal", "decided abnormal", "images")
    source = (evaluation.metrics or {}).get("threshold_source", "not known")
    return Table("Decisions", columns, rows, f"The threshold: {source}.")


def no_model_table(evaluation: Evaluation) -> Table | None:
    """The model beside every score that needs no model; None where these were not measured."""
    metrics = evaluation.metrics or {}
    found = metrics.get("no_model")
    if not found:
        return None
    auroc = metrics.get("auroc")
    rows = [(f"{evaluation.name} (the model)", number(auroc), between(metrics.get("auroc_ci95")), number(auroc))]
    rows += [
        (f"{s['explanation']} ({s['name']})", number(s["auroc"]), between(s["interval"]), number(s["strength"]))
        for s in sorted(found["scores"], key=lambda s: -(s["strength"] or 0))
    ]
    note = (
        "The same images without any model. Strength is the AUROC of whichever sign is better: a model that does not "
        "beat the best of these shows nothing. Sign and best are chosen by test labels, in favour of no model."
    )
    return Table("Beside what needs no model", ("score", "AUROC", "95 % interval", "strength"), rows, note)


def subgroup_table(metrics: Mapping[str, Any]) -> Table | None:
    """Figures by view, sex, age and finding; None where the data tell none."""
    groups = metrics.get("subgroups")
    if not groups:
        return None
    rows = [
        (
            f"{group['group']} {group['value']}",
            f"{group['n_normal']:,} / {group['n_abnormal']:,} / {group['n_patients']:,}",
            *(f"{number(group.get(key))} {between(group.get(f'{key}_ci95'))}" for key in _SUBGROUP_FIGURES),
        )
        for group in groups
    ]
    columns = ("group", "normal / abnormal / patients", *(_KEY_FIGURES[key] for key in _SUBGROUP_FIGURES))
    note = "A finding's abnormal images stand against all normal ones. Of many groups some differ by chance."
    return Table("By subgroup", columns, rows, note)


def localization_table(metrics: Mapping[str, Any]) -> Table | None:
    """Where the maps point, beside the prior at the centre; None where no region is known."""
    found = metrics.get("localization")
    if not found:
        return None
    rows = []
    for key, difference in found["difference"].items():
        values = (f"{number(found[who].get(key))} {between(found[who].get(f'{key}_ci95'))}" for who in _WHO)
        apart = f"{number(difference.get('difference'))} {between(difference.get('interval'))}"
        rows.append((_LOCALIZATION.get(key, key.replace("_", " ")), *values, apart))
    threshold = "" if found["threshold"] is None else f" is {found['threshold']:.4g}"
    note = (
        f"{found['n_regions']:,} images with a region among {found['n_images']:,}. The centre prior is a Gaussian at "
        f"the image's centre, which has seen no image. A pixel's threshold{threshold}: {found['threshold_source']}."
    )
    return Table("Localisation", ("figure", "model", "centre prior", "difference"), rows, note)


_WHO = ("model", "center_prior")


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Every table that an evaluation has the numbers for, in the order of the page."""
    metrics = evaluation.metrics
    found = [
        key_figures(metrics) if metrics else None,
        confusion(evaluation),
        no_model_table(evaluation),
        subgroup_table(metrics) if metrics else None,
        localization_table(metrics) if metrics else None,
    ]
    return [table for table in found if table is not None]
