from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.fl import round_up
from imgae_monai.fl.histogram import counted, pooled, quantile

RNG = np.random.default_rng(0)
VALUES = np.concatenate([RNG.gamma(2.0, 0.01, 400), RNG.normal(0, 3, 400), [0.0, 0.0, 1.0, -1.0]])


@pytest.mark.parametrize("step", [0.001, 0.05, 1.0])
def test_rounds_up_by_no_more_than_a_step(step):
    rounded = round_up(VALUES, step)
    assert (rounded >= VALUES).all()
    assert (rounded - VALUES <= step * np.abs(VALUES) * (1 + 1e-9)).all()
    assert (rounded[VALUES == 0] == 0).all()


def test_the_grid_is_the_same_for_all_sites():
    """Powers of 1.5, on both sides of 0."""
    np.testing.assert_allclose(round_up([1.1, 1.4, 1.6, 0.7, -1.1, -2.0], 0.5), [1.5, 1.5, 2.25, 1.0, -1.0, -1.5])


def test_no_step_leaves_scores_as_they_are():
    assert (round_up(VALUES, 0) == VALUES).all()


@pytest.mark.parametrize("specificity", [0.5, 0.9, 0.95, 0.999])
def test_the_quantile_of_two_sites_is_that_of_all_values_rounded_up(specificity):
    parts = [counted(round_up(part, 0.01)[:, None]) for part in (VALUES[:100], VALUES[100:])]
    rows, counts = pooled([r for r, _ in parts], [c for _, c in parts])
    exact = np.quantile(VALUES, specificity, method="higher")
    assert quantile(rows[:, 0], counts, specificity) == round_up(exact, 0.01)
    assert exact <= quantile(rows[:, 0], counts, specificity) <= exact + 0.01 * abs(exact) + 1e-12


def test_who_came_first_is_forgotten():
    rows, counts = counted(np.array([[2.0, 1.0], [1.0, 5.0], [2.0, 1.0]]))
    assert rows.tolist() == [[1.0, 5.0], [2.0, 1.0]]
    assert counts.tolist() == [1, 2]


def test_the_same_rows_of_two_sites_are_counted_together():
    rows, counts = pooled([np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]])], [np.array([1, 4]), np.array([2, 1])])
    assert rows.tolist() == [[1.0], [2.0], [3.0]]
    assert counts.tolist() == [1, 6, 1]
