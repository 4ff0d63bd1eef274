from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.visualize.thinning import thin_rising, thin_steps


def test_a_rising_curve_stays_where_it_was() -> None:
    rightwards = np.arange(20_000) // 200 % 2 == 1  # a stair of 50 steps, 200 points along each edge
    x, y = (np.insert(np.cumsum(way) / way.sum(), 0, 0) for way in (rightwards, ~rightwards))
    thin_x, thin_y = thin_rising(x, y)
    assert len(thin_x) <= 2002
    assert (thin_x[0], thin_y[0], thin_x[-1], thin_y[-1]) == (0, 0, 1, 1)
    along = np.interp(thin_x + thin_y, x + y, x)
    assert along == pytest.approx(thin_x)
    assert np.abs(np.interp(x + y, thin_x + thin_y, thin_x) - x).max() <= 1 / 500


def test_few_points_are_left_alone() -> None:
    x, y = np.array([0, 0, 0.3, 1]), np.array([0, 0.5, 0.5, 1])
    assert all(np.array_equal(*pair) for pair in zip(thin_rising(x, y), (x, y), strict=True))
    edges, levels = np.array([0, 0.25, 0.5, 1]), np.array([1.0, 0.2, 0.6])
    assert all(np.array_equal(*pair) for pair in zip(thin_steps(edges, levels), (edges, levels), strict=True))


def test_joined_steps_stand_at_their_mean() -> None:
    edges, levels = thin_steps(np.array([0, 0.0001, 0.0004, 0.5, 1]), np.array([1.0, 0.0, 0.7, 0.3]))
    assert edges.tolist() == [0, 0.0004, 0.5, 1]
    assert levels == pytest.approx([0.25, 0.7, 0.3])


def test_many_steps_keep_their_area() -> None:
    random = np.random.default_rng(0)
    edges = np.insert(np.cumsum(random.random(50_000)), 0, 0)
    edges /= edges[-1]
    levels = random.random(50_000)
    thin_edges, thin_levels = thin_steps(edges, levels)
    assert len(thin_levels) <= 501
    assert np.sum(np.diff(thin_edges) * thin_levels) == pytest.approx(np.sum(np.diff(edges) * levels))


def test_steps_without_width_keep_their_height() -> None:
    edges, levels = thin_steps(np.array([0, 0, 0, 1]), np.array([0.9, 0.8, 0.5]))
    assert edges[[0, -1]].tolist() == [0, 1]
    assert levels[-1] == 0.5
    assert np.isfinite(levels).all()
