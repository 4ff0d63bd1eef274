"""Compare models on the same images: every pair, and over the seeds that each was trained with."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from imgae_monai.exceptions import InputError
from imgae_monai.metrics import seed_difference, seed_mean
from imgae_monai.metrics.patients import patient_index
from imgae_monai.report.bare_metrics import with_metrics
from imgae_monai.report.comparison_words import comparison_words
from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.pairs import add_holm, compare_pair, detectable_difference
from imgae_monai.report.same_images import align
from imgae_monai.report.seed_groups import SeedGroup, model_pairs, seed_groups
from imgae_monai.report.words import BOUND, notice_words, shown_above

RANKED = ("auroc", "average_precision")
DECIDED = ("f1", "sensitivity", "specificity", "precision", "accuracy", "balanced_accuracy")


def compare_evaluations(evaluations: Sequence[Evaluation], n_draws: int = 10000, seed: int = 0) -> dict[str, Any]:
    """Everything that ``imgae-monai compare`` says of models that were scored on the same images.

    Args:
        evaluations: two or more, of any origin; images in any order.
        n_draws: draws of each bootstrap; where images x draws are too many, intervals are linearised.
        seed: of the draws.

    Returns:
        plain JSON values: ``words`` (the findings as sentences, what does not beat no model first), ``notice`` (of
        synthetic data, or None), ``models`` (figures of each with ``_ci95``, ``above_bound``, ``no_model``,
        ``probability``), ``pairs`` (see :py:func:`imgae_monai.report.pairs.compare_pair`; where models have several
        seeds, those with the same seed), ``seeds`` (None where every model has one: ``models`` with mean and std,
        ``pairs`` with :py:func:`imgae_monai.metrics.seed_difference`), ``same_images`` (how that is known),
        ``n_images``, ``n_normal``, ``n_abnormal``, ``n_patients``, ``bound``, ``n_bootstrap`` and ``seed``.

    Raises:
        InputError: for fewer than two, two of one name, or other images, see
            :py:func:`imgae_monai.report.same_images.align`.
    """
    names = [evaluation.name for evaluation in evaluations]
    if len(names) < 2 or len({*names}) < len(names):
        raise InputError(f"expected two or more evaluations with different names, got {', '.join(names) or 'none'}")
    aligned, how = align(evaluations)
    labels = aligned[0].labels
    patients = patient_index(aligned[0].patient_ids, len(labels))
    groups = seed_groups(aligned)
    several = any(len(group.members) > 1 for group in groups)
    pairs = [
        compare_pair(aligned[i], aligned[j], patients, n_draws, seed)
        for a, b in model_pairs(groups)
        for i, j in _partners(a, b)
    ]
    add_holm(pairs)
    result: dict[str, Any] = {
        "notice": next((notice for e in aligned if (notice := notice_words(e.metrics))), None),
        "models": [_model(e, n_draws, seed) for e in aligned],
        "pairs": pairs,
        "seeds": _over_seeds(aligned, groups, patients) if several else None,
        "same_images": how,
        "n_images": len(labels),
        "n_normal": int((labels == 0).sum()),
        "n_abnormal": int((labels == 1).sum()),
        "n_patients": int(patients.max(initial=-1)) + 1,
        "bound": BOUND,
        "n_bootstrap": n_draws,
        "seed": seed,
    }
    return {"words": comparison_words(result), **result}


def _partners(a: SeedGroup, b: SeedGroup) -> list[tuple[int, int]]:
    """Trainings of two models to compare one by one: those with the same seed; where there are none, in order."""
    if len(a.members) == len(b.members) == 1:
        return [(a.members[0], b.members[0])]
    of_b = dict(zip(b.seeds, b.members, strict=True))
    same = [(i, of_b[s]) for s, i in zip(a.seeds, a.members, strict=True) if s is not None and s in of_b]
    return same or list(zip(a.members, b.members, strict=False))


def _model(evaluation: Evaluation, n_draws: int, seed: int) -> dict[str, Any]:
    metrics = with_metrics(evaluation, n_draws, seed).metrics or {}
    names = [f"{name}{suffix}" for name in (*RANKED, *DECIDED) for suffix in ("", "_ci95")]
    record = evaluation.record or {}
    return {
        "name": evaluation.name,
        "folder": str(evaluation.folder),
        "bundle": metrics.get("bundle"),
        "preset": metrics.get("preset"),
        "seed": record.get("seed", metrics.get("seed")),
        **{name: metrics.get(name) for name in names},
        "threshold": metrics.get("threshold"),
        "threshold_source": metrics.get("threshold_source"),
        "probability": metrics.get("probability"),
        "above_bound": shown_above(metrics.get("auroc_ci95")),
        "no_model": metrics.get("no_model"),
        "no_model_reason": metrics.get("no_model_reason"),
    }


def _over_seeds(evaluations: Sequence[Evaluation], groups: Sequence[SeedGroup], patients: Any) -> dict[str, Any]:
    labels = evaluations[0].labels
    scores = [[evaluations[i].scores for i in group.members] for group in groups]
    models = [
        {**dataclasses.asdict(group), "auroc": seed_mean(of, labels, patients)}
        for group, of in zip(groups, scores, strict=True)
    ]
    for model in models:
        model["members"] = [evaluations[i].name for i in model["members"]]
        model["above_bound"] = shown_above(model["auroc"]["interval"])
    pairs = []
    for a, b in model_pairs(groups):
        found = seed_difference(scores[groups.index(a)], scores[groups.index(b)], labels, patients)
        detectable = detectable_difference(found["standard_error"], found["degrees_of_freedom"] or math.inf)
        pairs.append({"a": a.name, "b": b.name, "auroc": found, "detectable_difference": detectable})
    add_holm(pairs, kinds=(("auroc",), ("auroc", "welch")))
    return {"models": models, "pairs": pairs}
