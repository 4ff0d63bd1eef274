"""The scores that are compared when none is named."""

from __future__ import annotations

import dataclasses

from imgae_monai.exceptions import InputError
from imgae_monai.selection.selection_run import SelectionRun
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

_MAPS = (
    *("l1", "l1-sigma2", "l1-clahe", "l1-clahe-sigma2"),
    *("ssim", "ssim-clahe", "ms_ssim", "ms_ssim-clahe", "gms", "gms-clahe"),
)
_ENDS = ("mean", "top0.05", "z-mean", "z-top0.05")
# brightness, structure and what the network makes of the whole, each in one form
_COMBINED = (
    *("l1-z-mean-two_sided", "ssim-z-mean-two_sided"),
    *("l1-sigma2-z-top0.05+ssim-z-mean", "l1-sigma2-z-top0.05+latent+ssim-z-mean"),
    *("l1-sigma2-z-top0.05+ssim-z-mean-two_sided", "l1-sigma2-z-top0.05+latent+ssim-z-mean-two_sided"),
    *("latent", "feature_gaussian", "joint_gaussian", "feature_gaussian+ssim-z-top0.05"),
    *("joint_gaussian+ssim-z-top0.05", "joint_gaussian+l1-sigma2-z-top0.05"),
)


def default_scores(run: SelectionRun) -> list[str]:
    """Names of all scores of a short list that a run's network and config offer.

    Each of ten residual maps (L1, plain and smoothed; SSIM, multi-scale SSIM and gradient magnitude; with and without
    CLAHE), and those of what the network has beyond a reconstruction: ``features``, ``reversed``, ``likelihood``,
    ``disagreement``. Each map as it is and standardised; its mean, and the mean of its highest twentieth. Then twelve
    two-sided, combined and codes' ones. L2 is not among them, as L1 with a top fraction does what it is for, nor is
    ``gradient``, which takes a pass backwards.
    """
    maps = [*_MAPS]
    if hasattr(run.network, "features"):
        maps += ["features", "reversed"]
    if run.config.get("learned_variance"):
        maps.append("likelihood")
    if (run.config.get("ensemble") or 1) > 1:
        maps.append("disagreement")
    return [name for name in (*(f"{m}-{end}" for m in maps for end in _ENDS), *_COMBINED) if _offered(run, name)]


def parse_score(name: str) -> ScoreDefinition:
    """A definition by its name, or by the names of its parts joined by ``+`` (their sum is then what is combined).

    Args:
        name: as :py:meth:`ScoreDefinition.parse` takes it; of a combination ``NAME+NAME[-two_sided]``, where a part may
            be ``latent``, ``feature_gaussian`` or ``joint_gaussian``, which also stand alone. Its anomaly map is that
            of the first part, by the alphabet, that has one.

    Raises:
        InputError: when it is malformed.

    Example:
        >>> parse_score("l1-mean+latent").combine
        ('l1-mean', 'latent')
    """
    try:
        return _parse(name)
    except ValueError as e:
        raise InputError(f"--scores {name!r}: {e}") from e


def score_label(score: ScoreDefinition) -> str:
    """What :py:func:`parse_score` reads: the name, or of a combination its parts."""
    if not score.combine:
        return score.name
    return "+".join(score.combine) + ("-two_sided" if score.two_sided else "")


def _parse(name: str) -> ScoreDefinition:
    if "+" not in name and name.removesuffix("-two_sided") not in CODES:
        return ScoreDefinition.parse(name)
    joined = name.removesuffix("-two_sided")
    parts = joined.split("+")
    shown = next((part for part in sorted(parts) if part not in CODES), None)
    base = ScoreDefinition() if shown is None else ScoreDefinition.parse(shown)
    return dataclasses.replace(base, combine=tuple(parts), two_sided=joined != name)


def _offered(run: SelectionRun, name: str) -> bool:
    try:
        run.check_score(_parse(name))
    except (InputError, ValueError):
        return False
    return True
