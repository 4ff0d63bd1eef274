from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from imgae_monai.metrics import (
    bootstrap_auroc_difference,
    bootstrap_metrics,
    linearised_auroc_difference,
    resampling,
    weighted_ranking,
)

THRESHOLD = 0.45


def tied_cohort(n: int = 60, n_patients: int = 25, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties, several images a patient, patients with both classes."""
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    return np.round(rng.normal(size=n) + labels, 1), labels, rng.integers(n_patients, size=n)


def repeated_rows(abnormal: np.ndarray, patients: np.ndarray, n_draws: int, seed: int) -> list[np.ndarray]:
    """The rows of each draw, every one repeated as often as its patient was drawn."""
    _, index = np.unique(patients, return_inverse=True)
    weights = np.concatenate(list(resampling.draw_weights(abnormal, index, n_draws, seed)))
    return [np.repeat(np.arange(len(index)), draw[index].astype(int)) for draw in weights]


def likelihood_ratios(labels: np.ndarray, flagged: np.ndarray) -> tuple[float, float]:
    true_positive, false_positive = flagged[labels].mean(), flagged[~labels].mean()
    return true_positive / false_positive, (1 - true_positive) / (1 - false_positive)


def percentiles(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    return tuple(np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2]))


@pytest.mark.parametrize("seed", [0, 7])
def test_weighted_draws_agree_with_repeated_rows_and_sklearn(seed: int) -> None:
    scores, labels, patients = tied_cohort()
    draws = repeated_rows(labels, patients, 120, seed)
    flagged = scores > THRESHOLD
    ratios = [likelihood_ratios(labels[rows], flagged[rows]) for rows in draws]
    naive = {
        "auroc": [roc_auc_score(labels[rows], scores[rows]) for rows in draws],
        "average_precision": [average_precision_score(labels[rows], scores[rows]) for rows in draws],
        "partial_auroc": [roc_auc_score(labels[rows], scores[rows], max_fpr=1 - 0.8) for rows in draws],
        "f1": [f1_score(labels[rows], flagged[rows]) for rows in draws],
        "sensitivity": [recall_score(labels[rows], flagged[rows]) for rows in draws],
        "specificity": [recall_score(~labels[rows], ~flagged[rows]) for rows in draws],
        "precision": [precision_score(labels[rows], flagged[rows]) for rows in draws],
        "accuracy": [accuracy_score(labels[rows], flagged[rows]) for rows in draws],
        "balanced_accuracy": [balanced_accuracy_score(labels[rows], flagged[rows]) for rows in draws],
        "positive_likelihood_ratio": [ratio[0] for ratio in ratios],
        "negative_likelihood_ratio": [ratio[1] for ratio in ratios],
    }
    result = bootstrap_metrics(scores, labels, patients, THRESHOLD, n_draws=120, seed=seed, min_specificity=0.8)
    assert list(result) == list(naive)
    for name, values in naive.items():
        assert result[name] == pytest.approx(percentiles(values), abs=1e-12), name


def test_every_single_draw_agrees_with_sklearn() -> None:
    scores, labels, patients = tied_cohort()
    _, index = np.unique(patients, return_inverse=True)
    weights = np.concatenate(list(resampling.draw_weights(labels, index, 100, 5)))
    for min_specificity in (0.95, 0.7, 0.0):
        drawn = weighted_ranking.WeightedRanking(scores, labels, index)(weights, min_specificity)
        for i, rows in enumerate(repeated_rows(labels, patients, 100, 5)):
            of_rows = labels[rows], scores[rows]
            assert drawn["auroc"][i] == pytest.approx(roc_auc_score(*of_rows), abs=1e-12)
            assert drawn["average_precision"][i] == pytest.approx(average_precision_score(*of_rows), abs=1e-12)
            partial = roc_auc_score(*of_rows, max_fpr=1 - min_specificity)
            assert drawn["partial_auroc"][i] == pytest.approx(partial, abs=1e-12)


def test_the_partial_curve_of_draws_that_take_many_steps() -> None:
    # one patient brings 39 of 40 normal images: where it is not drawn, a tenth of the normals is many a distinct score
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=900), np.arange(900) < 100
    patients = np.where(np.arange(900) % 8 > 0, 0, np.arange(900))
    index = np.unique(patients, return_inverse=True)[1]
    weights = np.ones((3, index.max() + 1)) * np.array([[1], [0], [5]])
    weights[1, 0], weights[2, 0] = 9, 1
    weights[0, index[scores > 0.5]] = 0
    drawn = weighted_ranking.WeightedRanking(scores, labels, index)(weights, 0.9)["partial_auroc"]
    for i, row in enumerate(weights):
        expected = roc_auc_score(labels, scores, max_fpr=0.1, sample_weight=row[index])
        assert drawn[i] == pytest.approx(expected, abs=1e-12)


def test_a_draw_takes_whole_patients_and_keeps_the_strata() -> None:
    _, labels, patients = tied_cohort()
    _, index = np.unique(patients, return_inverse=True)
    abnormal_patients = np.unique(index[labels])
    normal_patients = np.setdiff1d(index, abnormal_patients)
    assert len(normal_patients) > 1
    weights = np.concatenate(list(resampling.draw_weights(labels, index, 200, 0)))
    assert weights.shape == (200, index.max() + 1)
    assert (weights[:, abnormal_patients].sum(axis=1) == len(abnormal_patients)).all()
    assert (weights[:, normal_patients].sum(axis=1) == len(normal_patients)).all()
    assert weights.max() > 1


def test_the_chunk_size_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, labels, patients = tied_cohort()
    whole = bootstrap_metrics(scores, labels, patients, THRESHOLD, n_draws=101)
    monkeypatch.setattr(resampling, "_CHUNK_ELEMENTS", 7 * len(scores))
    assert bootstrap_metrics(scores, labels, patients, THRESHOLD, n_draws=101) == whole


def test_the_order_of_the_rows_changes_no_number() -> None:
    scores, labels, patients = tied_cohort()
    order = np.random.default_rng(2).permutation(len(scores))
    shuffled = bootstrap_metrics(scores[order], labels[order], patients[order], THRESHOLD, n_draws=100)
    assert shuffled == bootstrap_metrics(scores, labels, patients, THRESHOLD, n_draws=100)


def test_the_seed_decides_the_draws() -> None:
    cohort = tied_cohort()
    assert bootstrap_metrics(*cohort, THRESHOLD, seed=4) == bootstrap_metrics(*cohort, THRESHOLD, seed=4)
    assert bootstrap_metrics(*cohort, THRESHOLD, seed=4) != bootstrap_metrics(*cohort, THRESHOLD, seed=5)


def test_repeated_images_of_a_patient_do_not_narrow_the_interval() -> None:
    scores, labels, _ = tied_cohort()
    patients = np.arange(len(scores))
    once = bootstrap_metrics(scores, labels, patients, THRESHOLD)
    repeated = bootstrap_metrics(*(np.repeat(array, 5) for array in (scores, labels, patients)), THRESHOLD)
    assert repeated["auroc"] == pytest.approx(once["auroc"], abs=1e-12)
    as_if_independent = bootstrap_metrics(np.repeat(scores, 5), np.repeat(labels, 5), np.arange(300), THRESHOLD)
    assert np.ptp(as_if_independent["auroc"]) < 0.6 * np.ptp(once["auroc"])


def test_the_interval_covers_a_known_auroc_about_as_often_as_it_says() -> None:
    # equal-variance normals, d' = 1: AUROC = Phi(1 / sqrt 2) = 0.7602
    rng = np.random.default_rng(0)
    labels = np.arange(160) < 80
    covered = 0
    for _ in range(200):
        low, high = bootstrap_metrics(rng.normal(size=160) + labels, labels, np.arange(160), 0.5, n_draws=300)["auroc"]
        covered += low <= 0.7602 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_a_likelihood_ratio_that_may_be_infinite_has_no_interval() -> None:
    # one false positive: more than 2.5 % of the draws have none
    scores, labels = [0.1, 0.2, 0.2, 0.3, 0.6, 0.3, 0.7, 0.9, 0.8], [0, 0, 0, 0, 0, 1, 1, 1, 1]
    result = bootstrap_metrics(scores, labels, list("abcdefghi"), 0.5, n_draws=200)
    assert result["positive_likelihood_ratio"] is None
    assert result["negative_likelihood_ratio"] is not None
    assert np.isfinite(result["specificity"]).all()


@pytest.mark.parametrize(("label", "defined"), [(0, {"specificity", "accuracy", "f1", "precision"}), (1, None)])
def test_one_class_leaves_undefined_metrics_none(label: int, defined: set[str] | None) -> None:
    result = bootstrap_metrics([0.1, 0.5, 0.9], [label] * 3, ["a", "b", "c"], 0.4, n_draws=50)
    expected = defined or {"sensitivity", "accuracy", "f1", "precision"}
    assert {name for name, interval in result.items() if interval is not None} == expected


def test_draws_without_a_normal_image_are_left_out_where_every_patient_is_abnormal() -> None:
    # patient a brings the only normal image: AUROC is defined in the draws that hold a, and is 1 in all of them
    result = bootstrap_metrics([0.1, 0.8, 0.9], [0, 1, 1], ["a", "a", "b"], 0.5, n_draws=200)
    assert result["auroc"] == (1.0, 1.0)
    assert result["specificity"] == (1.0, 1.0)


def test_nothing_flagged_leaves_precision_none() -> None:
    result = bootstrap_metrics([0.1, 0.2, 0.3], [0, 1, 1], ["a", "b", "c"], 0.5, n_draws=50)
    assert result["precision"] is None
    assert result["sensitivity"] == (0.0, 0.0)


def test_the_difference_is_paired_and_agrees_with_repeated_rows() -> None:
    a, labels, patients = tied_cohort()
    b = np.round(a + np.random.default_rng(8).normal(size=len(a)), 1)
    result = bootstrap_auroc_difference(a, b, labels, patients, n_draws=300, seed=3)
    draws = repeated_rows(labels, patients, 300, 3)
    for prefix, metric in (("", roc_auc_score), ("average_precision_", average_precision_score)):
        naive = np.array([metric(labels[rows], a[rows]) - metric(labels[rows], b[rows]) for rows in draws])
        tail = min((naive <= 0).sum(), (naive >= 0).sum()) + 1
        assert result[f"{prefix}difference"] == pytest.approx(metric(labels, a) - metric(labels, b), abs=1e-12)
        assert result[f"{prefix}interval"] == pytest.approx(percentiles(naive), abs=1e-12)
        assert result[f"{prefix}p_value"] == pytest.approx(min(1.0, 2 * tail / 301), abs=1e-12)


def test_pairing_makes_the_interval_narrower_than_two_independent_ones() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(400) < 0.5
    a = rng.normal(size=400) + labels
    b = a + 0.1 * rng.normal(size=400)
    paired = bootstrap_auroc_difference(a, b, labels, np.arange(400))["interval"]
    single = bootstrap_metrics(a, labels, np.arange(400), 0.5)["auroc"]
    assert np.ptp(paired) < 0.5 * np.ptp(single)


def test_equal_rankings_differ_by_nothing() -> None:
    a, labels, patients = tied_cohort()
    result = bootstrap_auroc_difference(a, 3 * a + 1, labels, patients, n_draws=50)
    assert result["difference"] == 0
    assert result["interval"] == (0, 0)
    assert result["p_value"] == 1
    assert result["average_precision_p_value"] == 1


def test_a_difference_that_no_draw_changes_is_not_tested() -> None:
    labels = np.arange(4) < 2  # of two patients a class, whom chance tells apart in one of six studies
    result = bootstrap_auroc_difference(labels * 1.0, labels * 0.0, labels, np.arange(4), n_draws=999)
    assert (result["difference"], result["interval"], result["p_value"]) == (0.5, None, None)
    assert (result["average_precision_interval"], result["average_precision_p_value"]) == (None, None)


def test_a_class_of_one_patient_has_a_difference_and_no_interval() -> None:
    a, b, labels = [1, 2, 3, 0, 4], [1, 2, 3, 4, 5], [0, 0, 0, 1, 1]
    for compared in (bootstrap_auroc_difference, linearised_auroc_difference):
        result = compared(a, b, labels, list("abcdd"))
        assert result["difference"] == pytest.approx(-0.5)
        assert result["average_precision_difference"] == pytest.approx(0.7 - 1)
        assert {value for key, value in result.items() if not key.endswith("difference")} == {None}


def test_the_difference_of_one_class_is_none() -> None:
    result = bootstrap_auroc_difference([0.1, 0.2], [0.3, 0.1], [0, 0], ["a", "b"], n_draws=20)
    assert set(result.values()) == {None}
    assert len(result) == 6


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_missing_patient_is_refused(missing: object) -> None:
    with pytest.raises(ValueError, match=r"patient_ids must not be missing; got .* at index \[1\]"):
        bootstrap_metrics([0.1, 0.2], [0, 1], ["a", missing], 0.5)


def test_malformed_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="patient_ids must have one entry per score; got 1 for 2 scores"):
        bootstrap_metrics([0.1, 0.2], [0, 1], ["a"], 0.5)
    with pytest.raises(ValueError, match="n_draws must be at least 1; got 0"):
        bootstrap_metrics([0.1, 0.2], [0, 1], ["a", "b"], 0.5, n_draws=0)
    with pytest.raises(ValueError, match=r"confidence must lie between 0 and 1, such as 0\.95; got 95"):
        bootstrap_metrics([0.1, 0.2], [0, 1], ["a", "b"], 0.5, confidence=95)
    with pytest.raises(ValueError, match=r"min_specificity must lie in \[0, 1\), such as 0\.9; got 1"):
        bootstrap_metrics([0.1, 0.2], [0, 1], ["a", "b"], 0.5, min_specificity=1)
    with pytest.raises(ValueError, match="got 2 and 3 scores"):
        bootstrap_auroc_difference([0.1, 0.2], [0.1, 0.2, 0.3], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="scores_b must be finite; NaN or infinite at index 0"):
        bootstrap_auroc_difference([0.1, 0.2], [np.nan, 0.2], [0, 1], ["a", "b"])


def test_ten_thousand_draws_of_two_thousand_images_take_under_five_seconds() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(2000) < 0.5
    start = time.process_time()
    bootstrap_metrics(rng.normal(size=2000) + labels, labels, rng.integers(700, size=2000), 0.5, n_draws=10_000)
    assert time.process_time() - start < 5
