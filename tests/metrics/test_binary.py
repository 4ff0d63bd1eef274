from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, class_likelihood_ratios, roc_auc_score

from imgae_monai.metrics import compute_auroc, compute_average_precision, compute_threshold_metrics

# ascending scores with one tie across the classes
SCORES = [0.1, 0.4, 0.4, 0.8]
LABELS = [0, 0, 1, 1]
RATIOS = ("positive_likelihood_ratio", "negative_likelihood_ratio")


def tie_heavy(n: int = 500, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.3
    return np.round(rng.normal(size=n) + labels, 1), labels


def test_auroc_counts_a_tie_as_half_a_pair() -> None:
    assert compute_auroc(SCORES, LABELS) == 3.5 / 4


def test_average_precision_is_the_step_wise_sum() -> None:
    # recall rises by 1/2 at 0.8 with precision 1, by 1/2 at the tie with precision 2/3
    assert compute_average_precision(SCORES, LABELS) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize(("scores", "expected"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([5, 5, 5, 5], 0.5)])
def test_auroc_of_perfect_inverted_and_constant_scores(scores: list[float], expected: float) -> None:
    assert compute_auroc(scores, LABELS) == expected


@pytest.mark.parametrize("seed", range(5))
def test_ranking_metrics_agree_with_sklearn_on_tie_heavy_scores(seed: int) -> None:
    scores, labels = tie_heavy(seed=seed)
    assert len(np.unique(scores)) < 100
    assert compute_auroc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert compute_average_precision(scores, labels) == pytest.approx(
        average_precision_score(labels, scores), abs=1e-12
    )


@pytest.mark.parametrize("label", [0, 1])
def test_ranking_metrics_of_one_class_are_undefined(label: int) -> None:
    assert compute_auroc([0.1, 0.2], [label, label]) is None
    assert compute_average_precision([0.1, 0.2], [label, label]) is None


def test_metrics_of_no_image_are_undefined() -> None:
    assert compute_auroc([], []) is None
    assert compute_threshold_metrics([], [], 0.5)["accuracy"] is None


def test_scores_are_not_clamped() -> None:
    assert compute_auroc([-3.0, 1.5, 2.0, 70.0], LABELS) == 1.0
    assert compute_auroc([1.5, 2.5, 2.0, 3.0], LABELS) == 0.75


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_label_dtype_does_not_change_a_result(dtype: type) -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(1_000_000) < 0.4
    scores = rng.normal(size=labels.size) + labels
    reference = roc_auc_score(labels, scores)
    assert compute_auroc(scores, labels.astype(dtype)) == pytest.approx(reference, abs=1e-12)
    counts = compute_threshold_metrics(scores, labels.astype(dtype), 0.5)
    assert counts["true_positives"] == int(np.sum(labels & (scores > 0.5)))


def test_float32_scores_keep_their_order() -> None:
    scores, labels = tie_heavy()
    single = (scores + np.arange(len(scores)) * 1e-3).astype(np.float32)
    assert compute_auroc(single, labels) == pytest.approx(roc_auc_score(labels, single.astype(np.float64)), abs=1e-12)


def test_threshold_metrics_by_hand() -> None:
    # flagged: 0.6, 0.7, 0.9; abnormal: 0.2, 0.7, 0.9
    result = compute_threshold_metrics([0.1, 0.2, 0.3, 0.6, 0.7, 0.9], [0, 1, 0, 0, 1, 1], threshold=0.5)
    assert result == {
        "f1": pytest.approx(2 / 3),
        "sensitivity": pytest.approx(2 / 3),
        "specificity": pytest.approx(2 / 3),
        "precision": pytest.approx(2 / 3),
        "accuracy": pytest.approx(4 / 6),
        "balanced_accuracy": pytest.approx(2 / 3),
        "positive_likelihood_ratio": pytest.approx(2),
        "negative_likelihood_ratio": pytest.approx(1 / 2),
        "true_positives": 2,
        "false_positives": 1,
        "true_negatives": 2,
        "false_negatives": 1,
    }


def test_likelihood_ratios_agree_with_sklearn() -> None:
    scores, labels = tie_heavy()
    result = compute_threshold_metrics(scores, labels, 0.45)
    expected = class_likelihood_ratios(labels, scores > 0.45)
    assert tuple(result[name] for name in RATIOS) == pytest.approx(expected, rel=1e-12)


def test_score_at_the_threshold_is_normal() -> None:
    result = compute_threshold_metrics([0.5, 0.5], [0, 1], threshold=0.5)
    assert (result["true_negatives"], result["false_negatives"]) == (1, 1)
    assert (result["true_positives"], result["false_positives"]) == (0, 0)


@pytest.mark.parametrize(
    ("labels", "threshold", "undefined"),
    [
        ([0, 0], 9.0, {"f1", "sensitivity", "precision", "balanced_accuracy", *RATIOS}),
        ([0, 0], 0.0, {"sensitivity", "balanced_accuracy", *RATIOS}),
        ([1, 1], 0.0, {"specificity", "balanced_accuracy", *RATIOS}),
        ([0, 1], 9.0, {"precision", "positive_likelihood_ratio"}),
        ([0, 1], 0.0, {"negative_likelihood_ratio"}),
    ],
)
def test_a_ratio_of_nothing_is_none(labels: list[int], threshold: float, undefined: set[str]) -> None:
    result = compute_threshold_metrics([0.5, 0.6], labels, threshold)
    assert {name for name, value in result.items() if value is None} == undefined


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("compute", [compute_auroc, compute_average_precision])
def test_a_score_that_is_not_finite_is_named(compute, bad: float) -> None:
    with pytest.raises(ValueError, match="scores must be finite; NaN or infinite at index 1, 3"):
        compute([0.1, bad, 0.3, bad], LABELS)
    with pytest.raises(ValueError, match=r"NaN or infinite at image b\.png, d\.png"):
        compute([0.1, bad, 0.3, bad], LABELS, names=["a.png", "b.png", "c.png", "d.png"])


def test_a_long_list_of_bad_scores_is_cut() -> None:
    with pytest.raises(ValueError, match="index 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more"):
        compute_threshold_metrics(np.full(30, np.nan), np.zeros(30), 0.5)


@pytest.mark.parametrize("bad", [2, -1, 0.5, np.nan])
def test_a_label_other_than_0_and_1_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"labels must be 0 \(normal\) or 1 \(abnormal\); got .* at index 2"):
        compute_auroc(SCORES, [0, 0, bad, 1])


@pytest.mark.parametrize("labels", [["0", "0", "1", "1"], [None, 0, 1, 1], [0, 1], [[0, 0, 1, 1]]])
def test_labels_of_another_kind_or_length_are_refused(labels: list) -> None:
    with pytest.raises(ValueError, match=r"labels must be one 0 or 1 per image, \(4,\)"):
        compute_auroc(SCORES, labels)


@pytest.mark.parametrize("scores", [[[0.1], [0.2]], ["0.1", "0.2"], [None, 0.2], [1j, 0.2]])
def test_scores_of_another_kind_or_shape_are_refused(scores: list) -> None:
    with pytest.raises(ValueError, match=r"scores must be one real number per image, \(n,\)"):
        compute_auroc(scores, [0, 1])


def test_names_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="got 1 names for 4 scores"):
        compute_auroc(SCORES, LABELS, names=["a"])


def test_a_threshold_of_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold must be a number; got NaN"):
        compute_threshold_metrics(SCORES, LABELS, float("nan"))


def test_a_million_scores_take_well_under_two_seconds() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=1_000_000), rng.random(1_000_000) < 0.5
    start = time.process_time()
    compute_auroc(scores, labels)
    compute_average_precision(scores, labels)
    compute_threshold_metrics(scores, labels, 0.0)
    assert time.process_time() - start < 2
