from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score, roc_curve

from imgae_monai.metrics.pixel_ranking import PixelRanking


def pixels(decimals: int, dtype: type) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(decimals)
    truth = rng.random(800) < 0.1
    scores = np.round(rng.normal(size=800) + truth, decimals).astype(dtype)
    return scores, truth, scores[truth], scores[~truth]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_areas_are_scikit_learns_with_and_without_ties(decimals, dtype):
    scores, truth, inside, outside = pixels(decimals, dtype)
    ranking = PixelRanking(inside, outside)
    assert ranking.area() == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert ranking.average_precision() == pytest.approx(average_precision_score(truth, scores), abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_a_weighted_area_up_to_a_limit_is_the_trapezoids(decimals, limit):
    scores, truth, inside, outside = pixels(decimals, np.float64)
    weights = np.random.default_rng(1).random(inside.size)
    sample_weight = np.ones(scores.size)
    sample_weight[truth] = weights
    fpr, tpr, _ = roc_curve(truth, scores, sample_weight=sample_weight, drop_intermediate=False)
    cut = np.concatenate([fpr[fpr < limit], [limit]])
    expected = auc(cut, np.append(tpr[fpr < limit], np.interp(limit, fpr, tpr))) / limit
    assert PixelRanking(inside, outside).area(limit, weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_the_best_dice_is_that_of_trying_every_threshold(decimals):
    scores, truth, inside, outside = pixels(decimals, np.float64)
    every = {t: 2 * (truth & (scores >= t)).sum() / (truth.sum() + (scores >= t).sum()) for t in np.unique(scores)}
    dice, threshold = PixelRanking(inside, outside).best_dice()
    assert dice == pytest.approx(max(every.values()), abs=1e-12)
    assert every[threshold] == pytest.approx(dice, abs=1e-12)


def test_pixels_of_both_kinds_are_needed():
    with pytest.raises(ValueError, match="got 0 inside and 3 outside"):
        PixelRanking(np.empty(0), np.ones(3))
