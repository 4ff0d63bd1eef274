"""A comparison as tables that a paper can take."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from imgae_monai.report.table import Table
from imgae_monai.report.words import LEVEL, digits

_FIGURES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "f1": "F1",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "accuracy": "accuracy",
}
_COSTS = {
    "parameters": ("parameters", "{:,.0f}"),
    "checkpoint_mb": ("weights MB", "{:.1f}"),
    "latency_ms": ("ms an image, alone", "{:.2f}"),
    "batch_latency_ms": ("ms an image, in batches", "{:.2f}"),
    "images_per_second": ("images/s", "{:.0f}"),
    "peak_memory_mb": ("peak memory MB", "{:.0f}"),
    "added_memory_mb": ("of it for the model MB", "{:.0f}"),
}
UNKNOWN = "-"
OF_TRAININGS = "Each pair is of two single trainings; whether the models differ is told over seeds."


def comparison_tables(comparison: Mapping[str, Any]) -> list[Table]:
    """Tables of a comparison.

    Args:
        comparison: see :py:func:`imgae_monai.report.comparison.compare_evaluations`; with ``cost``, where it was
            measured, see :py:func:`imgae_monai.engines.model_cost.measure_cost`.

    Returns:
        the models with 95 % intervals, the seeds where there are several, every test of every pair, and the cost.
    """
    seeds, cost = comparison["seeds"], comparison.get("cost")
    tables = [_models(comparison["models"])]
    if seeds is not None:
        tables += [_seeds(seeds["models"]), _seed_pairs(seeds["pairs"])]
    pairs = _pairs(comparison["pairs"])
    tables.append(pairs if seeds is None else dataclasses.replace(pairs, note=f"{pairs.note} {OF_TRAININGS}"))
    if cost:
        tables.append(_cost(cost))
    return [table for table in tables if table.rows]


def _models(models: Sequence[Mapping[str, Any]]) -> Table:
    rows = [[m["name"], *(_with_interval(m[key], m[f"{key}_ci95"]) for key in _FIGURES)] for m in models]
    header = ["model", *_FIGURES.values()]
    given = [m["probability"] or {} for m in models]
    if any(given):
        header.append("Brier score")
        for row, of in zip(rows, given, strict=True):
            row.append(_with_interval(of.get("brier"), of.get("brier_ci95")))
    note = "95 % intervals; each model at its own threshold."
    return Table("Models", tuple(header), [tuple(row) for row in rows], note)


def _seeds(models: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for m in models:
        found = m["auroc"]
        spread = UNKNOWN if found["std"] is None else f"{found['std']:.3f}"
        values = " ".join(f"{value:.3f}" for value in found["values"] or [])
        seeds = " ".join(UNKNOWN if seed is None else str(seed) for seed in m["seeds"])
        rows.append((m["name"], seeds, values, _with_interval(found["mean"], found["interval"]), spread))
    return Table("Over seeds", ("model", "seeds", "AUROC of each", "mean AUROC", "std"), rows)


def _seed_pairs(pairs: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for pair in pairs:
        found, welch = pair["auroc"], pair["auroc"]["welch"] or {}
        rows.append(
            (
                f"{pair['a']} - {pair['b']}",
                _with_interval(found["difference"], found["interval"], "+"),
                _p(found["p_value"]),
                _p(found["p_holm"]),
                _p(welch.get("p_value")),
                _p(welch.get("p_holm")),
                _number(pair["detectable_difference"]),
            )
        )
    columns = ("pair", "mean AUROC", "p", "p (Holm)", "p of Welch's t", "(Holm)", "detectable")
    return Table("Differences over seeds", columns, rows)


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for pair in pairs:
        name = f"{pair['a']} - {pair['b']}"
        auroc = pair["auroc"]
        effect = auroc["d_prime"]["difference"]
        of_d = UNKNOWN if effect is None else f"d' {effect:+.2f}"
        tests = [("AUROC (DeLong, by patient)", auroc["delong"], of_d)]
        if auroc["bootstrap"]:
            tests.append(("AUROC (bootstrap of patients)", auroc["bootstrap"], of_d))
        method = "bootstrap of patients" if pair["interval_method"] == "bootstrap" else "linearised, by patient"
        tests.append((f"average precision ({method})", pair["average_precision"], UNKNOWN))
        for key, found in (pair["decisions"] or {}).items():
            h = UNKNOWN if found["cohen_h"] is None else f"h {found['cohen_h']:+.2f}"
            tests.append((f"{key} ({found['method']})", found, h))
        for what, found, size in tests:
            difference = _with_interval(found["difference"], found["interval"], "+")
            rows.append((name, what, difference, _p(found["p_value"]), _p(found["p_holm"]), size))
        detectable = _number(pair["detectable_difference"])
        rows.append((name, "AUROC difference that 80 % of such studies show", detectable, "", "", ""))
    note = (
        "A minus B, with 95 % intervals. p (Holm) is corrected over the pairs, within each kind of test. Where few "
        "decisions differ, their intervals are rough: p decides."
    )
    return Table("Differences", ("pair", "what", "difference", "p", "p (Holm)", "effect"), rows, note)


def _cost(cost: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (m["name"], *(UNKNOWN if m.get(key) is None else form.format(m[key]) for key, (_, form) in _COSTS.items()))
        for m in cost
    ]
    return Table("Cost", ("model", *(title for title, _ in _COSTS.values())), rows)


def _with_interval(value: float | None, interval: Sequence[float] | None, sign: str = "") -> str:
    if value is None:
        return UNKNOWN
    shown = [digits(x, 0, sign) if sign else f"{x:.3f}" for x in (value, *(interval or ()))]
    return shown[0] + (f" [{shown[1]},\N{NO-BREAK SPACE}{shown[2]}]" if interval else "")


def _p(p_value: float | None) -> str:
    if p_value is None:
        return UNKNOWN
    return "<0.001" if p_value < 0.001 else digits(p_value, LEVEL)


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"
