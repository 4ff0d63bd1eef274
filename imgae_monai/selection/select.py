"""Compare presets and scores on normal validation images and synthetic anomalies of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.selection.choose import Candidate, choose, complexity, standard_error
from imgae_monai.selection.criterion import CopyScores, criterion, draw_family_aurocs, draw_patients, family_aurocs
from imgae_monai.selection.default_scores import default_scores, parse_score, score_label
from imgae_monai.selection.families import corruption_families
from imgae_monai.selection.score_copies import score_copies
from imgae_monai.selection.selection_run import SCORE_IDS, SelectionRun
from imgae_monai.transforms.rand_acquisition import RandAcquisitiond
from imgae_monai.transforms.score_definition import ScoreDefinition

logger = logging.getLogger(__name__)

# what two trainings of one preset may have of their own, and what no training depends on
_NOT_OF_MODEL = (
    *("seed", "bundle_root", "ckpt_dir", "output_dir", "resume", "overwrite", "cache_dir", "dataset_dir"),
    *(*SCORE_IDS, "specificity", "device"),
)


def select(
    runs: Sequence[SelectionRun],
    items: Sequence[Sequence[Mapping[str, Any]]],
    scores: Sequence[str] | None = None,
    n_copies: int = 2,
    n_draws: int = 500,
    seed: int = 0,
) -> dict[str, Any]:
    """Score every run by every score, and choose by :py:func:`imgae_monai.selection.choose`.

    Runs whose configs differ in the seed only are trainings of one model: their figures are averaged.

    Args:
        runs: trained runs.
        items: of each run, its normal validation images.
        scores: names, see :py:func:`imgae_monai.selection.parse_score`; None for
            :py:func:`imgae_monai.selection.default_scores`.
        n_copies: copies of each image by each family.
        n_draws: bootstrap draws of patients.
        seed: of halves, copies and draws.

    Returns:
        ``families``, ``left_out`` (trained on), ``models``, ``rows`` (best first) and ``chosen``, for a file.

    Raises:
        InputError: when a run can't give a score, or has too few patients.
    """
    families, vary = corruption_families(), RandAcquisitiond("image")
    trained = {name for run in runs for name in run.corruptions}
    left_out = [name for name, family in families.items() if family.corruption in trained]
    groups = group_runs(runs)
    weights, columns = draw_patients([str(i["patient_id"]) for own in items for i in own], n_draws, seed)
    candidates: list[Candidate] = []
    rows: list[dict[str, Any]] = []
    for name, members in groups.items():
        named = default_scores(runs[members[0]]) if scores is None else list(scores)
        wanted = {score_label(score): score for score in map(parse_score, named)}
        found = [
            score_copies(runs[m], items[m], list(wanted.values()), families, n_copies, seed, vary) for m in members
        ]
        for label, score in wanted.items():
            of_runs = [copies[score.name] for copies in found]
            row, draws = _row(of_runs, left_out, weights, columns)
            rows.append({"model": name, "score": label, "complexity": complexity(score), **row})
            candidates.append(Candidate(name, score, row["mean_auroc"], row["worst_auroc"], draws))
    choice = choose(candidates)
    for i, row in enumerate(rows):
        row |= {"behind_best": choice.behind[i], "behind_best_se": choice.standard_errors[i]}
        row |= {"within_one_se": choice.within(i), "best": i == choice.best, "chosen": i == choice.chosen}
    best, chosen = candidates[choice.best], candidates[choice.chosen]
    of_chosen = runs[groups[chosen.model][0]]
    return {
        "families": {
            name: "left out: a run was trained to restore it" if name in left_out else "" for name in families
        },
        "left_out": left_out,
        "seed": seed,
        "n_copies": n_copies,
        "n_bootstrap": n_draws,
        "models": [_model(name, [(runs[m], len(items[m])) for m in members]) for name, members in groups.items()],
        "n_patients": len(columns),
        "best": {"model": best.model, "score": score_label(best.score)},
        "chosen": {
            "model": chosen.model,
            "score": score_label(chosen.score),
            "bundle": of_chosen.config.get("bundle_name"),
            "preset": of_chosen.config.get("preset"),
            "settings": score_settings(chosen.score, of_chosen),
        },
        "rows": sorted(rows, key=lambda row: (-row["mean_auroc"], -row["worst_auroc"], row["complexity"])),
    }


def score_settings(score: ScoreDefinition, run: SelectionRun) -> dict[str, Any]:
    """The ids of a bundle's config that give a score, as far as the run's config has them."""
    return {
        name: list(value) if isinstance(value := getattr(score, name), tuple) else value
        for name in SCORE_IDS
        if name in run.config
    }


def group_runs(runs: Sequence[SelectionRun]) -> dict[str, list[int]]:
    """Places of the runs of each model: those whose configs differ in the seed, the place and the score only.

    Returns:
        by name: bundle and preset, and where two models share these the name of the first run.

    Raises:
        InputError: when two runs of a model have the same seed, which would count one training twice.
    """
    groups: dict[str, list[int]] = {}
    for i, run in enumerate(runs):
        kept = {key: value for key, value in run.config.items() if key not in _NOT_OF_MODEL}
        groups.setdefault(json.dumps(kept, sort_keys=True, default=str), []).append(i)
    for members in groups.values():
        seeds = [runs[m].config.get("seed") for m in members]
        if len(set(seeds)) < len(seeds):
            raise InputError(
                f"{', '.join(runs[m].name for m in members)} are of one model and seed: leave all but one out"
            )
    names = [_name(runs[members[0]]) for members in groups.values()]
    return {
        name if names.count(name) == 1 else f"{name} ({runs[members[0]].name})": members
        for name, members in zip(names, groups.values(), strict=True)
    }


def _name(run: SelectionRun) -> str:
    return f"{run.config.get('bundle_name')}/{run.config.get('preset')}"


def _model(name: str, runs: Sequence[tuple[SelectionRun, int]]) -> dict[str, Any]:
    return {
        "name": name,
        "runs": [
            {"folder": str(run.folder), "seed": run.config.get("seed"), "n_images": n, "corruptions": run.corruptions}
            for run, n in runs
        ],
    }


def _row(
    of_runs: Sequence[CopyScores], left_out: Sequence[str], weights: NDArray[Any], columns: Sequence[str]
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Figures of one score of one model, averaged over its runs, and the criterion in each draw."""
    families = list(of_runs[0].corrupted)
    by_run = [family_aurocs(scores) for scores in of_runs]
    aurocs = {family: float(np.mean([found[family] for found in by_run])) for family in families}
    mean, worst = criterion(aurocs, left_out)
    kept = [i for i, family in enumerate(families) if family not in left_out]
    draws = np.mean([draw_family_aurocs(scores, weights, columns)[:, kept].mean(axis=1) for scores in of_runs], axis=0)
    pixel: dict[str, float | None] = {}
    for family in families:
        known = [area for scores in of_runs if (area := scores.pixel_auroc[family]) is not None]
        pixel[family] = float(np.mean(known)) if known else None
    shown = [area for family, area in pixel.items() if area is not None and family not in left_out]
    row = {
        "mean_auroc": mean,
        "standard_error": standard_error(draws),
        "worst_auroc": worst,
        "auroc": aurocs,
        "mean_auroc_by_run": [criterion(found, left_out)[0] for found in by_run],
        "mean_pixel_auroc": float(np.mean(shown)) if shown else None,
        "pixel_auroc": pixel,
    }
    return row, draws
