"""Figures of a bare file of scores, in the form of ``metrics.json``."""

from __future__ import annotations

import dataclasses
from typing import Any

from imgae_monai.metrics import metrics_with_intervals, probability_metrics
from imgae_monai.report.evaluation import Evaluation

_OF_SCORES = ("auroc", "average_precision", "partial_auroc")


def with_metrics(evaluation: Evaluation, n_bootstrap: int = 10000, seed: int = 0) -> Evaluation:
    """The evaluation, with figures computed from its scores where it has no ``metrics.json`` with intervals.

    Args:
        evaluation: of any kind.
        n_bootstrap: draws behind an interval.
        seed: of the draws.

    Returns:
        an evaluation whose ``metrics`` are not None. Those of a bare file hold no data fingerprint and no config,
        ``threshold`` where the file tells one, and figures at a threshold only where it tells decisions;
        ``probability`` (:py:func:`imgae_monai.metrics.probability_metrics`) where it tells probabilities.
    """
    if "auroc_ci95" in (evaluation.metrics or {}):
        return evaluation
    labels, patients, names = evaluation.labels, evaluation.patient_ids, list(evaluation.images)
    found = metrics_with_intervals(evaluation.scores, labels, patients, 0.0, n_bootstrap, seed, names=names)
    kept = [*_OF_SCORES, *(f"{name}_ci95" for name in _OF_SCORES), "partial_auroc_min_specificity", "interval_method"]
    metrics: dict[str, Any] = {key: found.get(key) for key in kept}
    if evaluation.decisions is not None:
        decided = metrics_with_intervals(evaluation.decisions, labels, patients, 0.5, n_bootstrap, seed, names=names)
        metrics |= {key: value for key, value in decided.items() if key not in kept}
    if evaluation.threshold is not None:
        metrics |= {"threshold": evaluation.threshold, "threshold_source": "the file's own"}
    if evaluation.probabilities is not None:
        metrics["probability"] = probability_metrics(evaluation.probabilities, labels, patients, n_bootstrap, seed)
    metrics |= {
        "n_bootstrap": n_bootstrap if metrics["interval_method"] == "bootstrap" else None,
        "n_normal": int((labels == 0).sum()),
        "n_abnormal": int((labels == 1).sum()),
        "n_patients": len(set(patients)),
        "no_model_reason": "the scores came without it",
    }
    return dataclasses.replace(evaluation, metrics={**metrics, **(evaluation.metrics or {})})
