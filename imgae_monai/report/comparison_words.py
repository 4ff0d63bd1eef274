"""What a comparison found, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imgae_monai.report.words import LEVEL, auroc_words, difference_words, no_model_words, p_words


def comparison_words(comparison: Mapping[str, Any]) -> list[str]:
    """The findings as sentences: which models do not beat what needs no model; whether each model's AUROC is above the
    bound; whether one is better than another; and what could have been seen.

    Args:
        comparison: see :py:func:`imgae_monai.report.comparison.compare_evaluations`.

    Returns:
        the sentences in that order.
    """
    models, seeds, bound = comparison["models"], comparison["seeds"], comparison["bound"]
    words = _against_no_model(models, seeds)
    if seeds is None:
        words += [auroc_words(m["name"], m["auroc"], m["auroc_ci95"], bound) for m in models]
        tests = [(pair, pair["auroc"]["delong"]) for pair in comparison["pairs"]]
    else:
        by_name = {m["name"]: m for m in models}
        words += [_mean_words(group, by_name, bound) for group in seeds["models"]]
        tests = [(pair, pair["auroc"]) for pair in seeds["pairs"]]
    for pair, test in tests:
        words += _pair_words(pair, test, len(tests))
        if seeds is not None:
            words += _welch_words(pair, test)
            words += _one_seed_words(pair, seeds, comparison["pairs"])
    if seeds is None and tests and any(m["bundle"] for m in models):
        words.append(
            "Each of these models is one training: chance of training is in none of these intervals, and another seed "
            "may answer otherwise (compare --seeds 5)."
        )
    return words


def _against_no_model(models: Sequence[Mapping[str, Any]], seeds: Mapping[str, Any] | None) -> list[str]:
    """Models that fall short first, then those of which it is not known, then the others."""
    short: list[str] = []
    beating: list[str] = []
    unclear: list[str] = []
    unknown: dict[str | None, list[str]] = {}
    for name, members in _groups(models, seeds):
        measured = [m for m in members if (m["no_model"] or {}).get("against_best") and m["auroc"] is not None]
        known = [m for m in measured if m["no_model"]["against_best"]["beats"] is not None]
        if not known and measured:
            unclear.append(no_model_words(name, measured[0]["auroc"], measured[0]["no_model"]))
            continue
        if not known:
            unknown.setdefault(members[0]["no_model_reason"], []).append(name)
            continue
        all_beat = all(m["no_model"]["against_best"]["beats"] for m in known)
        (beating if all_beat else short).append(_no_model_words(name, known))
    unclear += [no_model_words(" or ".join(names), None, None, reason) for reason, names in unknown.items()]
    return [*short, *unclear, *beating]


def _no_model_words(name: str, members: Sequence[Mapping[str, Any]]) -> str:
    if len(members) == 1:
        return no_model_words(name, members[0]["auroc"], members[0]["no_model"])
    n_beating = sum(m["no_model"]["against_best"]["beats"] for m in members)
    best = max((m["no_model"] for m in members), key=lambda found: found["best_strength"])
    aurocs = [m["auroc"] for m in members]
    does = "beats" if n_beating == len(members) else "does not beat"
    return (
        f"{name} {does} what needs no model: {best['best']} {best['best_strength']:.3f} against {min(aurocs):.3f} to "
        f"{max(aurocs):.3f} ({n_beating} of {len(members)} seeds beat it)."
    )


def _groups(
    models: Sequence[Mapping[str, Any]], seeds: Mapping[str, Any] | None
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    if seeds is None:
        return [(m["name"], [m]) for m in models]
    by_name = {m["name"]: m for m in models}
    return [(group["name"], [by_name[name] for name in group["members"]]) for group in seeds["models"]]


def _mean_words(group: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]], bound: float) -> str:
    n = len(group["members"])
    if n == 1:
        model = models[group["members"][0]]
        name = f"{group['name']} (one seed)" if group["bundle"] else group["name"]
        return auroc_words(name, model["auroc"], model["auroc_ci95"], bound)
    found = group["auroc"]
    return auroc_words(f"{group['name']} (mean of {n} seeds)", found["mean"], found["interval"], bound)


def _pair_words(pair: Mapping[str, Any], test: Mapping[str, Any], n_tests: int) -> list[str]:
    a, b, p_holm = pair["a"], pair["b"], test["p_holm"] if n_tests > 1 else None
    words = [difference_words(a, b, test["difference"], test["interval"], p_holm=p_holm)]
    detectable, p_value = pair["detectable_difference"], test["p_holm"]
    if detectable and (p_value is None or p_value >= LEVEL):
        words.append(
            f"With these numbers a difference under {detectable:.3f} in AUROC between {a} and {b} can't be seen "
            "(80 % power at the 5 % level)."
        )
    return words


def _one_seed_words(
    pair: Mapping[str, Any], seeds: Mapping[str, Any], of_runs: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Where a model has one seed: what the runs say that were compared one by one, and that it is of these only."""
    members = {group["name"]: group["members"] for group in seeds["models"]}
    trained_here = {group["name"]: bool(group["bundle"]) for group in seeds["models"]}
    alone = [name for name in (pair["a"], pair["b"]) if len(members[name]) == 1]
    if not alone:
        return []
    runs = [name for name in alone if trained_here[name]]
    files = [name for name in alone if not trained_here[name]]
    words = []
    if runs:
        words.append(
            f"{' and '.join(runs)} {'has' if len(runs) == 1 else 'have'} one seed, so that chance of training can't be "
            "told from a difference: --seeds trains more."
        )
    if files:
        words.append(
            f"{' and '.join(files)} came as a file of scores, so that chance of its training can't be told from a "
            "difference."
        )
    for one in of_runs:
        if one["a"] in members[pair["a"]] and one["b"] in members[pair["b"]]:
            test = one["auroc"]["delong"]
            said = difference_words(one["a"], one["b"], test["difference"], test["interval"], p_holm=test["p_holm"])
            words.append(f"Of these two trainings alone: {said}")
    return words


def _welch_words(pair: Mapping[str, Any], test: Mapping[str, Any]) -> list[str]:
    welch = test["welch"]
    if not welch:
        return []
    shown = "differ" if welch["p_holm"] < LEVEL else "are not shown to differ"
    return [
        f"On these images alone the seeds of {pair['a']} and {pair['b']} {shown} (Welch's t = {welch['t']:.2f}, "
        f"{p_words(welch['p_holm'])})."
    ]
