from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from imgae_monai.metrics import bootstrap_metrics, linearised_metrics, metrics_with_intervals

THRESHOLD = 0.5
COUNTS = {"true_positives", "false_positives", "true_negatives", "false_negatives"}
UNCERTAIN = {"auroc", "average_precision", "partial_auroc", "f1", "sensitivity", "specificity", "precision", "accuracy"}
UNCERTAIN |= {"balanced_accuracy", "positive_likelihood_ratio", "negative_likelihood_ratio"}


def cohort(n: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = rng.random(n) < 0.4
    return rng.normal(size=n) + labels, labels, rng.integers(n // 2, size=n)


@pytest.mark.parametrize(
    ("max_resampled", "method", "intervals"),
    [
        (8000, "bootstrap", lambda *cohort: bootstrap_metrics(*cohort, THRESHOLD, 100, 3, min_specificity=0.8)),
        (7999, "linearised", lambda *cohort: linearised_metrics(*cohort, THRESHOLD, min_specificity=0.8)),
    ],
)
def test_every_figure_stands_with_its_interval_and_the_method(max_resampled, method, intervals):
    scores, labels, patients = cohort()
    found = metrics_with_intervals(
        scores, labels, patients, THRESHOLD, n_draws=100, seed=3, min_specificity=0.8, max_resampled=max_resampled
    )
    assert found.pop("interval_method") == method
    assert found.pop("partial_auroc_min_specificity") == 0.8
    for name, interval in intervals(scores, labels, patients).items():
        assert found[f"{name}_ci95"] == (interval if method == "bootstrap" else pytest.approx(interval, abs=1e-12)), (
            name
        )
    assert set(found) == UNCERTAIN | {f"{name}_ci95" for name in UNCERTAIN} | COUNTS
    assert found["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert found["partial_auroc"] == pytest.approx(roc_auc_score(labels, scores, max_fpr=0.2))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, scores > THRESHOLD))


@pytest.mark.parametrize("max_resampled", [10**6, 0])
def test_a_share_of_none_or_all_has_the_exact_interval_of_its_patients(max_resampled):
    # 12 abnormal images of 6 patients, 5 normal ones of 5: none is flagged
    labels, patients = [1] * 12 + [0] * 5, [i // 2 for i in range(12)] + [*range(10, 15)]
    found = metrics_with_intervals(range(17), labels, patients, 20, n_draws=50, max_resampled=max_resampled)
    assert (found["sensitivity"], found["specificity"], found["precision"]) == (0, 1, None)
    of_none, of_all = binomtest(0, 6).proportion_ci(0.95), binomtest(5, 5).proportion_ci(0.95)
    assert found["sensitivity_ci95"] == pytest.approx((of_none.low, of_none.high))
    assert found["specificity_ci95"] == pytest.approx((of_all.low, of_all.high))
    assert found["precision_ci95"] is None
    flagged = metrics_with_intervals(range(17), labels, patients, -1, n_draws=50, max_resampled=max_resampled)
    assert flagged["sensitivity_ci95"] == pytest.approx(tuple(binomtest(6, 6).proportion_ci(0.95)))
    assert flagged["specificity_ci95"] == pytest.approx(tuple(binomtest(0, 5).proportion_ci(0.95)))


@pytest.mark.parametrize("max_resampled", [10**6, 0])
@pytest.mark.parametrize(("turned", "expected"), [(1, (0.025 ** (1 / 4), 1)), (-1, (0, 1 - 0.025 ** (1 / 4)))])
def test_classes_apart_have_the_exact_interval_of_pairs_of_patients(max_resampled, turned, expected):
    # 4 abnormal patients, of whom one has a normal image too, and 9 normal ones
    labels, patients = [1] * 4 + [0] * 9, [*range(4), 0, *range(4, 12)]
    scores = [turned * (20 - i) for i in range(13)]
    found = metrics_with_intervals(scores, labels, patients, turned * 16.5, n_draws=50, max_resampled=max_resampled)
    assert found["auroc"] == (turned + 1) / 2
    assert found["auroc_ci95"] == pytest.approx(expected)
    assert found["balanced_accuracy_ci95"] is found["f1_ci95"] is None
    if turned == 1:  # of none the average precision differs from draw to draw
        assert found["average_precision_ci95"] is found["partial_auroc_ci95"] is None


def test_patients_with_both_classes_make_half_as_many_pairs():
    found = metrics_with_intervals([2, 1] * 6, [1, 0] * 6, [i // 2 for i in range(12)], 1.5, n_draws=50)
    assert found["auroc_ci95"] == pytest.approx((0.025 ** (1 / 3), 1))


@pytest.mark.parametrize("max_resampled", [10**6, 0])
def test_a_class_of_one_patient_leaves_no_interval_to_what_rests_on_it(max_resampled):
    scores, labels, patients = [1, 2, 3, 4, 0, 5], [0, 0, 0, 0, 1, 1], list("abcdee")
    found = metrics_with_intervals(scores, labels, patients, 2.5, n_draws=50, max_resampled=max_resampled)
    defined = {name for name in UNCERTAIN if found[f"{name}_ci95"] is not None}
    assert defined == {"specificity", "accuracy"}
    assert found["auroc"] == found["sensitivity"] == 0.5


def test_a_score_that_is_no_number_names_its_image():
    with pytest.raises(ValueError, match=r"scores must be finite; NaN or infinite at image b\.png"):
        metrics_with_intervals([0.1, float("nan")], [0, 1], ["p", "q"], THRESHOLD, names=["a.png", "b.png"])


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="n_draws must be at least 1; got 0"):
        metrics_with_intervals([0.1, 0.2], [0, 1], ["p", "q"], THRESHOLD, n_draws=0)
