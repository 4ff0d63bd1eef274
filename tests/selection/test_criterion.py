from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from imgae_monai.selection.criterion import (
    CopyScores,
    criterion,
    draw_family_aurocs,
    draw_patients,
    family_aurocs,
)

RNG = np.random.default_rng(0)
MADE_UP = CopyScores(
    clean=RNG.normal(size=12),
    corrupted={"haze": RNG.normal(0.5, 1, (12, 2)), "nodules": RNG.normal(2, 1, (12, 2))},
    halves=np.arange(12) % 2,
    patients=["a", "b", "a", "d", "e", "f", "g", "h", "i", "j", "k", "l"],
    pixel_auroc={},
)


def by_hand(scores: CopyScores, family: str, times: np.ndarray) -> float:
    """scikit-learn's AUROC of rows that are repeated as often as their patient was drawn."""
    found = []
    for half in (0, 1):
        rows = np.flatnonzero(scores.halves == half)
        clean = np.repeat(scores.clean[rows], times[rows])
        copies = np.repeat(scores.corrupted[family][rows], times[rows], axis=0).ravel()
        found.append(roc_auc_score([0] * len(clean) + [1] * len(copies), np.concatenate([clean, copies])))
    return float(np.mean(found))


def test_halves_are_not_compared_with_each_other():
    """Statistics of either half may shift its scores: within each, copies are above their images."""
    scores = CopyScores(
        clean=np.array([0.0, 0.1, 10.0, 10.1]),
        corrupted={"haze": np.array([[0.2], [0.3], [10.2], [10.05]])},
        halves=np.array([0, 0, 1, 1]),
        patients=list("abcd"),
        pixel_auroc={},
    )
    assert family_aurocs(scores) == {"haze": pytest.approx((1 + 3 / 4) / 2)}


def test_aurocs_are_those_of_another_implementation():
    once = np.ones(12, dtype=int)
    assert family_aurocs(MADE_UP) == {f: pytest.approx(by_hand(MADE_UP, f, once)) for f in ("haze", "nodules")}


def test_a_draw_repeats_patients_with_all_their_images_and_copies():
    weights, columns = draw_patients(MADE_UP.patients, 20, seed=1)
    found = draw_family_aurocs(MADE_UP, weights, columns)
    assert found.shape == (20, 2)
    for draw, row in zip(weights, found, strict=True):
        times = np.array([int(draw[columns.index(p)]) for p in MADE_UP.patients])
        assert row[0] == pytest.approx(by_hand(MADE_UP, "haze", times))
        assert row[1] == pytest.approx(by_hand(MADE_UP, "nodules", times))


def test_patients_of_other_runs_change_nothing():
    weights, columns = draw_patients(MADE_UP.patients, 5, seed=1)
    found = draw_family_aurocs(MADE_UP, weights, columns)
    more = np.concatenate([np.full((5, 1), 7.0), weights], axis=1)
    assert np.array_equal(draw_family_aurocs(MADE_UP, more, ["0", *columns]), found)


def test_draws():
    weights, columns = draw_patients(["b", "a", "b", "c"], 500, seed=3)
    assert columns == ["a", "b", "c"]
    assert (weights.sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx([1, 1, 1], abs=0.1)
    assert np.array_equal(draw_patients(["b", "a", "b", "c"], 500, seed=3)[0], weights)
    assert not np.array_equal(draw_patients(["b", "a", "b", "c"], 500, seed=4)[0], weights)


def test_the_criterion_leaves_out_what_was_trained_on():
    aurocs = {"haze": 0.75, "nodules": 0.5, "coarse_noise": 1.0}
    assert criterion(aurocs, []) == (0.75, 0.5)
    assert criterion(aurocs, ["coarse_noise"]) == (0.625, 0.5)
    assert criterion(aurocs, ["nodules"]) == (0.875, 0.75)
    with pytest.raises(ValueError, match="no family is left"):
        criterion(aurocs, list(aurocs))


def test_an_empty_half_is_refused():
    with pytest.raises(ValueError, match="both halves must have images"):
        family_aurocs(dataclasses.replace(MADE_UP, halves=np.zeros(12, dtype=int)))
