from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from imgae_monai.metrics import compute_auroc, compute_partial_auroc

LABELS = [0, 0, 1, 1]


@pytest.mark.parametrize("min_specificity", [0.0, 0.3, 0.5, 0.8, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_sklearn_on_tied_and_on_distinct_scores(seed: int, min_specificity: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.random(400) < 0.3
    distinct = rng.normal(size=400) + labels
    for scores in (distinct, np.round(distinct, 1), np.round(distinct)):
        expected = roc_auc_score(labels, scores, max_fpr=1 - min_specificity)
        assert compute_partial_auroc(scores, labels, min_specificity) == pytest.approx(expected, abs=1e-12)


def test_by_hand_with_a_tie_across_the_bound() -> None:
    # points (0, 0), (0, 1/2), (1/2, 1), (1, 1); up to 1/4 the area is 1/4 (1/2 + 3/4) / 2 = 5/32; least 1/32, most 1/4
    expected = (1 + (5 / 32 - 1 / 32) / (1 / 4 - 1 / 32)) / 2
    assert compute_partial_auroc([0.1, 0.4, 0.4, 0.8], LABELS, 0.75) == pytest.approx(expected)


@pytest.mark.parametrize(("scores", "expected"), [([1, 2, 3, 4], 1.0), ([5, 5, 5, 5], 0.5)])
def test_perfect_and_constant_scores(scores: list[float], expected: float) -> None:
    assert compute_partial_auroc(scores, LABELS) == pytest.approx(expected)


def test_the_whole_curve_is_the_auroc() -> None:
    scores = [0.1, 0.7, 0.4, 0.8]
    assert compute_partial_auroc(scores, LABELS, 0.0) == pytest.approx(compute_auroc(scores, LABELS))


@pytest.mark.parametrize("labels", [[0, 0], [1, 1]])
def test_one_class_is_undefined(labels: list[int]) -> None:
    assert compute_partial_auroc([0.1, 0.2], labels) is None


@pytest.mark.parametrize("bad", [-0.1, 1.0, 90, float("nan")])
def test_a_specificity_with_no_part_of_the_curve_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"min_specificity must lie in \[0, 1\), such as 0\.9; got "):
        compute_partial_auroc([0.1, 0.2], [0, 1], bad)


def test_a_score_that_is_not_finite_is_named() -> None:
    with pytest.raises(ValueError, match=r"NaN or infinite at image b\.png"):
        compute_partial_auroc([0.1, np.nan], [0, 1], names=["a.png", "b.png"])
