"""Which evaluations are of one model that was trained with several seeds."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from os.path import commonprefix
from typing import Any

from imgae_monai.report.evaluation import Evaluation

NEW, OLD = "reversed_autoencoder", "unet_autoencoder"
# what two trainings of one model may have of their own: the seed, and where they lie
MAY_DIFFER = ("seed", "bundle_root", "ckpt_dir", "output_dir", "resume", "overwrite", "cache_dir")


@dataclasses.dataclass(frozen=True)
class SeedGroup:
    """Trainings of one model.

    Args:
        name: what to call the model.
        bundle: its bundle; None where it is not known.
        members: places of its evaluations in the list, in the order of their seeds.
        seeds: of each; None where it is not known.
    """

    name: str
    bundle: str | None
    members: tuple[int, ...]
    seeds: tuple[int | None, ...]


def seed_groups(evaluations: Sequence[Evaluation]) -> list[SeedGroup]:
    """Group evaluations of runs whose configs differ in the seed only, and which have the same score.

    Runs with the same seed are no evidence of what a seed does, and are left apart; so is an evaluation whose training
    record is not known.

    Args:
        evaluations: of the models, with different names.

    Returns:
        one group a model, in the order of their first evaluations.
    """
    by_key: dict[str, list[int]] = {}
    for i, evaluation in enumerate(evaluations):
        by_key.setdefault(_key(evaluation) or f"evaluation {i}", []).append(i)
    groups: list[SeedGroup] = []
    for members in by_key.values():
        seeds = [_setting(evaluations[i], "seed") for i in members]
        together = [members] if len({*seeds}) == len(seeds) else [[i] for i in members]
        groups.extend(_group(evaluations, part, {group.name for group in groups}) for part in together)
    return groups


def model_pairs(groups: Sequence[SeedGroup]) -> list[tuple[SeedGroup, SeedGroup]]:
    """Every pair of models once, each as it is asked about: the reversed one against the U-Net, others in their order.

    Args:
        groups: of the models.
    """
    return [(b, a) if (a.bundle, b.bundle) == (OLD, NEW) else (a, b) for a, b in itertools.combinations(groups, 2)]


def _group(evaluations: Sequence[Evaluation], members: Sequence[int], taken: set[str]) -> SeedGroup:
    ordered = sorted(members, key=lambda i: _setting(evaluations[i], "seed") or 0) if len(members) > 1 else members
    bundle = _setting(evaluations[ordered[0]], "bundle")
    name = evaluations[ordered[0]].name
    if len(ordered) > 1:
        shared = commonprefix([evaluations[i].name for i in ordered])  # noqa: RUF071, of names, which are no paths
        short = shared.rstrip("0123456789-_ ").removesuffix("seed").rstrip("-_ ") or str(bundle)
        name = short if short not in taken else f"{short} ({name} and others)"
    return SeedGroup(name, bundle, tuple(ordered), tuple(_setting(evaluations[i], "seed") for i in ordered))


def _setting(evaluation: Evaluation, key: str) -> Any:
    for source in (evaluation.record, evaluation.metrics):
        if source and source.get(key) is not None:
            return source[key]
    return None


def _key(evaluation: Evaluation) -> str | None:
    """What makes a model: its training's config without the seed, and its score; None where it is not known."""
    record, metrics = evaluation.record or {}, evaluation.metrics or {}
    config: Mapping[str, Any] | None = record.get("config")
    if not config:
        return None
    kept = {key: value for key, value in config.items() if key not in MAY_DIFFER}
    calibration = metrics.get("calibration") or {}
    score = {key: calibration.get(key) for key in ("score", "specificity")}
    return json.dumps([record.get("bundle"), kept, score], sort_keys=True)
