from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sk

from imgae_monai.metrics import bootstrap_metrics, delong_interval, linearised, linearised_metrics

THRESHOLD = 0.45


def cohort(n: int = 60, n_patients: int = 25, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties, several images a patient that resemble each other, patients with both classes."""
    rng = np.random.default_rng(seed)
    patients = rng.integers(n_patients, size=n)
    labels = rng.random(n) < 0.2 + 0.5 * (patients % 2)
    return np.round(rng.normal(size=n) + labels + rng.normal(size=n_patients)[patients], 1), labels, patients


def likelihood_ratio(positive: bool) -> Callable:
    def ratio(labels: np.ndarray, flagged: np.ndarray, sample_weight: np.ndarray) -> float:
        return sk.class_likelihood_ratios(labels, flagged, sample_weight=sample_weight)[0 if positive else 1]

    return ratio


def specificity(labels: np.ndarray, flagged: np.ndarray, sample_weight: np.ndarray) -> float:
    return sk.recall_score(~labels, ~flagged, sample_weight=sample_weight)


def partial_auroc(labels: np.ndarray, scores: np.ndarray, sample_weight: np.ndarray) -> float:
    return sk.roc_auc_score(labels, scores, max_fpr=0.3, sample_weight=sample_weight)


RANKING = {
    "auroc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "partial_auroc": partial_auroc,
}
DECISION = {
    "f1": sk.f1_score,
    "sensitivity": sk.recall_score,
    "specificity": specificity,
    "precision": sk.precision_score,
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "positive_likelihood_ratio": likelihood_ratio(True),
    "negative_likelihood_ratio": likelihood_ratio(False),
}


@pytest.mark.parametrize("name", [*RANKING, *DECISION])
def test_slopes_are_the_change_of_sklearns_metric_with_an_images_weight(name: str) -> None:
    scores, labels, _ = cohort()
    if name in RANKING:
        slopes, metric, given = linearised.ranking_slopes(scores, labels, 0.3)[name], RANKING[name], scores
    else:
        given = scores > THRESHOLD
        slopes, metric = linearised._threshold_slopes(given, labels)[name], DECISION[name]
    step = 1e-5
    for i in range(len(scores)):
        up, down = np.ones(len(scores)), np.ones(len(scores))
        up[i], down[i] = 1 + step, 1 - step
        change = (metric(labels, given, sample_weight=up) - metric(labels, given, sample_weight=down)) / (2 * step)
        assert slopes[i] == pytest.approx(change, abs=1e-6)
    assert np.abs(slopes).max() > 1e-3


def test_intervals_are_near_the_patient_bootstraps() -> None:
    args = (*cohort(n=4000, n_patients=1500), THRESHOLD)
    drawn, linear = bootstrap_metrics(*args, n_draws=4000), linearised_metrics(*args)
    assert list(linear) == list(drawn)
    for name, interval in drawn.items():
        assert linear[name] == pytest.approx(interval, abs=0.08 * np.ptp(interval)), name


def test_auroc_is_obuchowskis_but_for_the_strata_where_no_patient_has_both_classes() -> None:
    scores, _, patients = cohort(n=900, n_patients=400)
    labels = patients % 2 == 1
    other = delong_interval(scores, labels, patients, on_logit=False)["interval"]
    assert linearised_metrics(scores, labels, patients, THRESHOLD)["auroc"] == pytest.approx(other, rel=1e-3)


def test_order_of_the_rows_changes_nothing() -> None:
    scores, labels, patients = cohort()
    order = np.random.default_rng(2).permutation(len(scores))
    shuffled = linearised_metrics(scores[order], labels[order], patients[order], THRESHOLD)
    for name, interval in linearised_metrics(scores, labels, patients, THRESHOLD).items():
        assert shuffled[name] == pytest.approx(interval, rel=1e-10), name


@pytest.mark.parametrize(("label", "defined"), [(0, {"specificity", "accuracy"}), (1, {"sensitivity", "accuracy"})])
def test_one_class_leaves_undefined_metrics_none(label: int, defined: set[str]) -> None:
    result = linearised_metrics([0.1, 0.5, 0.9], [label] * 3, ["a", "b", "c"], 0.4)
    assert {"auroc", "average_precision", "partial_auroc", "balanced_accuracy"} <= {
        k for k, v in result.items() if not v
    }
    assert defined <= {name for name, interval in result.items() if interval is not None}


def test_no_interval_of_no_width() -> None:
    result = linearised_metrics([1, 2, 3, 4], [0, 0, 1, 1], list("abcd"), 2.5)
    assert len(result) == 11
    assert set(result.values()) == {None}
    assert set(linearised_metrics([], [], [], 0.5).values()) == {None}


def test_malformed_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        linearised_metrics([1, 2], [0, 1], ["a", "b"], 1.5, confidence=95)
    with pytest.raises(ValueError, match="min_specificity must lie in"):
        linearised_metrics([1, 2], [0, 1], ["a", "b"], 1.5, min_specificity=1)
    with pytest.raises(ValueError, match="patient_ids must not be missing"):
        linearised_metrics([1, 2], [0, 1], ["a", None], 1.5)
    with pytest.raises(ValueError, match="scores must be finite"):
        linearised_metrics([1, np.nan], [0, 1], ["a", "b"], 1.5)


def test_a_hundred_thousand_images_take_under_two_seconds() -> None:
    args = cohort(n=100_000, n_patients=40_000)
    start = time.process_time()
    linearised_metrics(*args, THRESHOLD)
    assert time.process_time() - start < 2
