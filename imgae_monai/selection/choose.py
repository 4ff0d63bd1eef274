"""The choice among scores: the simplest that is not worse than the best beyond chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

# what a residual takes beyond a difference of two pixels
_STEPS = {
    **{"l1": 0, "l2": 0, "ssim": 1, "gms": 1, "likelihood": 1, "ms_ssim": 2, "disagreement": 2},
    # a network's pass, CLAHE and a Gaussian, and one more pass for the equalised images
    **{"reversed": 6, "reversed_lpips": 6},
}
_OTHER_STEPS = 3  # a pass of a network of its own, as features, lpips and gradient


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One preset with one score.

    Args:
        model: name of the preset.
        score: the score's definition.
        mean: the criterion, mean AUROC over families, averaged over the preset's runs.
        worst: the worst family's.
        draws: the mean in each draw of patients, (draws,).
    """

    model: str
    score: ScoreDefinition
    mean: float
    worst: float
    draws: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Choice:
    """What was chosen among candidates.

    Args:
        chosen: place of the candidate in the list.
        best: place of the one with the highest criterion.
        behind: of each, how far it is behind the best.
        standard_errors: of each, of that distance; 0 for the best.
    """

    chosen: int
    best: int
    behind: list[float]
    standard_errors: list[float]

    def within(self, i: int) -> bool:
        """Whether a candidate is no more than one standard error behind the best."""
        return self.behind[i] <= self.standard_errors[i]


def complexity(score: ScoreDefinition) -> int:
    """How many things a score adds to the mean of |x - x^|; of scores that are as good the lower one is taken.

    One each for smoothing, CLAHE, standardising, a reduction other than the mean, and two-sided calibration; for the
    residual: none for L1 and L2, one for SSIM, gradient magnitude and a learned variance, two for several scales or
    networks, three for one that passes a network again, six for the reversed map, which does it twice and has CLAHE and
    smoothing of its own. A combination adds those of its components, and one for each.

    Example:
        >>> [complexity(ScoreDefinition.parse(name)) for name in ("l1-mean", "ssim-sigma2-z-top0.01")]
        [0, 4]
    """
    if score.combine:
        parts = [3 if name in CODES else complexity(ScoreDefinition.parse(name)) for name in score.combine]
        return sum(parts) + len(parts) + score.two_sided
    extras = [
        score.smoothing_sigma > 0,
        score.z_score,
        score.reduction != "mean",
        score.two_sided,
        score.residual_clahe,
    ]
    return _STEPS.get(score.residual, _OTHER_STEPS) + sum(extras)


def choose(candidates: Sequence[Candidate]) -> Choice:
    """Choose the simplest candidate within one standard error of the best.

    Source: the one-standard-error rule of Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3.
    The standard error is that of the difference, over the same draws of patients, since what is hard for all cancels.
    Among the candidates of the lowest :py:func:`complexity` the better one is taken, by mean and then by the worst
    family.

    Raises:
        ValueError: when there is none.
    """
    if not candidates:
        raise ValueError("candidates must be at least one, got none")
    order = [(c.mean, c.worst, -complexity(c.score)) for c in candidates]
    best = max(range(len(candidates)), key=order.__getitem__)
    behind = [candidates[best].mean - c.mean for c in candidates]
    errors = [standard_error(candidates[best].draws - c.draws) for c in candidates]
    near = [i for i in range(len(candidates)) if behind[i] <= errors[i]]
    chosen = min(near, key=lambda i: (complexity(candidates[i].score), -candidates[i].mean, -candidates[i].worst))
    return Choice(chosen, best, behind, errors)


def standard_error(draws: NDArray[Any]) -> float:
    """Standard deviation over bootstrap draws, of those that are defined."""
    defined = draws[~np.isnan(draws)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0
