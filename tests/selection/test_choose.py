from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.selection.choose import Candidate, choose, complexity, standard_error
from imgae_monai.selection.default_scores import parse_score

NOISE = np.random.default_rng(0).normal(size=2000)
OTHER = np.random.default_rng(1).normal(size=2000)


def candidate(name: str, mean: float, worst: float = 0.5, draws: np.ndarray = NOISE) -> Candidate:
    return Candidate("unet/plain", parse_score(name), mean, worst, mean + 0.02 * draws)


def test_the_simplest_within_one_standard_error_is_chosen():
    near = [candidate("ssim-z-mean", 0.80), candidate("l1-mean", 0.79, draws=OTHER), candidate("l1-top0.05", 0.795)]
    choice = choose(near)
    assert (choice.best, choice.chosen) == (0, 1)
    assert choice.behind == pytest.approx([0, 0.01, 0.005])
    assert choice.standard_errors[1] == pytest.approx(0.02 * 2**0.5, rel=0.05)
    assert [choice.within(i) for i in range(3)] == [True, True, False]  # the third is behind in every draw


def test_a_simple_one_that_is_further_behind_is_not():
    choice = choose([candidate("l1-mean", 0.75, draws=OTHER), candidate("ssim-z-mean", 0.80)])
    assert choice.best == choice.chosen == 1


def test_what_is_hard_for_both_does_not_count():
    """Each has a standard error of 0.02, but their draws go up and down together."""
    choice = choose([candidate("l1-mean", 0.79), candidate("ssim-z-mean", 0.80)])
    assert choice.chosen == 1
    assert choice.standard_errors == pytest.approx([0, 0], abs=1e-9)


def test_ties_are_decided_by_the_worst_family():
    choice = choose([candidate("ssim-mean", 0.8, worst=0.4), candidate("l1-z-mean", 0.8, worst=0.6)])
    assert choice.best == choice.chosen == 1


def test_among_equally_simple_ones_the_better_is_taken():
    near = [candidate("ssim-mean", 0.79, draws=OTHER), candidate("l1-z-mean", 0.795, draws=OTHER)]
    assert choose([*near, candidate("ssim-z-top0.05", 0.80)]).chosen == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("l1-mean", 0), ("l2-mean", 0), ("l1-max", 1), ("l1-z-mean", 1), ("l1-sigma2-mean", 1), ("ssim-mean", 1)),
        *(("ssim-sigma2-z-top0.01", 4), ("l1-mean-two_sided", 1), ("ssim-mean+l1-z-mean", 4)),
        *(("l1-mean+latent", 5), ("l1-mean+latent-two_sided", 6)),
    ],
)
def test_complexity(name, expected):
    assert complexity(parse_score(name)) == expected


def test_standard_errors_are_of_defined_draws():
    assert standard_error(np.array([1.0, 2.0, 3.0, np.nan])) == pytest.approx(1.0)
    assert standard_error(np.array([np.nan])) == 0


def test_no_candidate():
    with pytest.raises(ValueError, match="at least one, got none"):
        choose([])
