from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from imgae_monai.metrics import (
    bootstrap_auroc_difference,
    compute_auroc,
    delong_covariance,
    delong_interval,
    delong_test,
)

# DeLong, DeLong and Clarke-Pearson 1988, the 43 patients without a missing value, as reprinted in the SAS/STAT User's
# Guide (PROC LOGISTIC, "Comparing Receiver Operating Characteristic Curves"): albumin, total protein, K-G score, and 0
# where surgery did not help
TABLE = """
    3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1
    3.8 5.7 5 1   3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0
    2.3 4.4 6 1   4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1
    3.1 6.6 6 1   4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0
    3.7 6.1 5 1   3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1
    3.3 5.7 6 1   3.7 6.9 5 1  3.6 6.6 5 1
"""
OVARIAN = np.array(TABLE.split(), dtype=float).reshape(43, 4)
ALBUMIN, PROTEIN, KG = -OVARIAN[:, 0], -OVARIAN[:, 1], OVARIAN[:, 2]
NO_HELP = OVARIAN[:, 3] == 0


def clustered(n: int = 80, n_patients: int = 30, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties; images of a patient resemble each other, and some patients have both classes."""
    rng = np.random.default_rng(seed)
    patients = rng.integers(n_patients, size=n)
    labels = rng.random(n) < 0.4
    return np.round(rng.normal(size=n) + labels + rng.normal(size=n_patients)[patients], 1), labels, patients


def covariance_by_definition(models: list[np.ndarray], labels: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Obuchowski 1997 in her own terms, over all pairs: S10 / M + S01 / N + S11 / (M N) + its transpose."""
    m, n = labels.sum(), (~labels).sum()
    v10, v01 = [], []
    for scores in models:
        x, y = scores[labels][:, None], scores[~labels][None, :]
        won = (x > y) + 0.5 * (x == y)
        v10.append(won.mean(axis=1) - won.mean())
        v01.append(won.mean(axis=0) - won.mean())
    ids = np.unique(patients)
    a = np.array([[v[patients[labels] == i].sum() for i in ids] for v in v10])
    b = np.array([[v[patients[~labels] == i].sum() for i in ids] for v in v01])
    i10, i01, i_all = len(set(patients[labels])), len(set(patients[~labels])), len(ids)
    s10, s01 = i10 / (i10 - 1) / m * a @ a.T, i01 / (i01 - 1) / n * b @ b.T
    s11 = i_all / (i_all - 1) * a @ b.T
    return s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@pytest.mark.parametrize(
    ("scores", "auroc", "error", "interval"),
    [
        (ALBUMIN, 0.7366, 0.0927, (0.5549, 0.9182)),
        (KG, 0.7258, 0.1028, (0.5243, 0.9273)),
        (PROTEIN, 0.6478, 0.1000, (0.4518, 0.8439)),
    ],
)
def test_interval_agrees_with_the_published_example(scores, auroc, error, interval) -> None:
    result = delong_interval(scores, NO_HELP, on_logit=False)
    assert (result["auroc"], result["standard_error"]) == pytest.approx((auroc, error), abs=5e-5)
    assert result["interval"] == pytest.approx(interval, abs=5e-5)


@pytest.mark.parametrize(
    ("scores", "difference", "error", "interval", "chi_square", "p_value"),
    [
        (ALBUMIN, 0.0108, 0.0953, (-0.1761, 0.1976), 0.0127, 0.9102),
        (PROTEIN, -0.0780, 0.1046, (-0.2830, 0.1271), 0.5554, 0.4561),
    ],
)
def test_paired_test_agrees_with_the_published_example(scores, difference, error, interval, chi_square, p_value):
    result = delong_test(scores, KG, NO_HELP)
    assert (result["difference"], result["standard_error"]) == pytest.approx((difference, error), abs=5e-5)
    assert result["interval"] == pytest.approx(interval, abs=5e-5)
    assert (result["z"] ** 2, result["p_value"]) == pytest.approx((chi_square, p_value), abs=5e-5)


def test_published_example_has_the_aurocs_of_mann_whitney() -> None:
    for scores in (ALBUMIN, PROTEIN, KG):
        u = mannwhitneyu(scores[NO_HELP], scores[~NO_HELP]).statistic
        assert delong_interval(scores, NO_HELP)["auroc"] == pytest.approx(u / (12 * 31), abs=1e-12)


@pytest.mark.parametrize("by_patient", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_covariance_is_its_definition_over_all_pairs(seed: int, by_patient: bool) -> None:
    a, labels, patients = clustered(seed=seed)
    b = np.round(a + np.random.default_rng(seed).normal(size=len(a)), 1)
    expected = covariance_by_definition([a, b], labels, patients if by_patient else np.arange(len(a)))
    result = delong_covariance([a, b], labels, patients if by_patient else None)
    assert result == pytest.approx(expected, rel=1e-10)
    test = delong_test(a, b, labels, patients if by_patient else None)
    assert test["standard_error"] ** 2 == pytest.approx(np.array([1, -1]) @ expected @ np.array([1, -1]), rel=1e-10)


def test_covariance_by_hand() -> None:
    # placements of the abnormal 2 and 4: 1/2, 1 (variance 1/8); of the normal 1 and 3: 1, 1/2 (variance 1/8)
    assert delong_covariance([[1, 2, 3, 4]], [0, 1, 0, 1]) == pytest.approx(np.array([[1 / 16 + 1 / 16]]))


def test_repeated_images_of_a_patient_do_not_narrow_the_interval() -> None:
    a, labels, _ = clustered()
    once = delong_interval(a, labels)
    patients = np.repeat(np.arange(len(a)), 3)
    repeated = delong_interval(np.repeat(a, 3), np.repeat(labels, 3), patients)
    assert repeated["interval"] == pytest.approx(once["interval"], rel=1e-10)
    as_if_independent = delong_interval(np.repeat(a, 3), np.repeat(labels, 3))
    assert as_if_independent["standard_error"] < 0.6 * once["standard_error"]


@pytest.mark.parametrize("on_logit", [True, False])
def test_the_interval_covers_a_known_auroc_of_clustered_images_as_often_as_it_says(on_logit: bool) -> None:
    # normals of variance 2, apart by 1.5: AUROC = Phi(1.5 / 2) = 0.7734; half of the variance is the patient's
    rng = np.random.default_rng(0)
    patients = np.arange(240) // 3
    labels = patients < 40
    covered = {True: 0, False: 0}
    for _ in range(400):
        scores = rng.normal(size=240) + rng.normal(size=80)[patients] + 1.5 * labels
        for by_patient in covered:
            low, high = delong_interval(scores, labels, patients if by_patient else None, on_logit=on_logit)["interval"]
            covered[by_patient] += low <= 0.7734 <= high
    assert 0.92 <= covered[True] / 400 <= 0.98
    assert covered[False] / 400 < 0.90


def test_p_value_of_equal_models_is_uniform() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(200) < 80
    p_values = []
    for _ in range(400):
        common = rng.normal(size=200) + labels
        p_values.append(delong_test(common + rng.normal(size=200), common + rng.normal(size=200), labels)["p_value"])
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.08
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.05)


def test_paired_interval_is_near_the_patient_bootstraps() -> None:
    a, labels, patients = clustered(n=600, n_patients=250)
    b = a + np.random.default_rng(3).normal(size=600)
    low, high = delong_test(a, b, labels, patients)["interval"]
    other = bootstrap_auroc_difference(a, b, labels, patients, n_draws=4000)["interval"]
    assert (low, high) == pytest.approx(other, abs=0.15 * (high - low))


def test_logit_interval_stays_inside_where_the_plain_one_is_cut() -> None:
    scores, labels = [1, 2, 3, 5, 4, 6, 7, 8], [0, 0, 0, 0, 1, 1, 1, 1]
    assert delong_interval(scores, labels, on_logit=False)["interval"][1] == 1
    low, high = delong_interval(scores, labels)["interval"]
    assert 0 < low < 15 / 16 < high < 1


@pytest.mark.parametrize(("scores", "auroc"), [([1, 2, 3, 4], 1.0), ([4, 3, 2, 1], 0.0), ([5, 5, 5, 5], 0.5)])
@pytest.mark.parametrize("on_logit", [True, False])
def test_no_interval_of_no_width(scores: list[float], auroc: float, on_logit: bool) -> None:
    expected = {"auroc": auroc, "standard_error": 0, "interval": None}
    assert delong_interval(scores, [0, 0, 1, 1], on_logit=on_logit) == expected


def test_equal_rankings_differ_by_exactly_nothing() -> None:
    a, labels, patients = clustered()
    for ids in (None, patients):
        result = delong_test(a, 3 * a + 1, labels, ids)
        assert (result["difference"], result["z"], result["p_value"], result["interval"]) == (0, 0, 1, (0, 0))


def test_a_perfect_model_against_an_inverted_one_has_no_p_value() -> None:
    result = delong_test([1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 1, 1])
    assert result == {"difference": 1, "standard_error": 0, "interval": None, "z": None, "p_value": None}


def test_too_few_patients_leave_everything_but_the_estimate_none() -> None:
    assert set(delong_interval([1, 2], [0, 0]).values()) == {None}
    assert set(delong_test([1, 2], [2, 1], [0, 0]).values()) == {None}
    scores, labels, one_abnormal_patient = [1, 2, 3, 4], [0, 0, 1, 1], ["a", "b", "c", "c"]
    assert delong_covariance([scores], labels, one_abnormal_patient) is None
    assert delong_interval(scores, labels, one_abnormal_patient) == {
        "auroc": 1,
        "standard_error": None,
        "interval": None,
    }
    result = delong_test(scores, [1, 3, 2, 4], labels, one_abnormal_patient)
    assert result.pop("difference") == 0.25
    assert set(result.values()) == {None}


def test_order_of_the_rows_and_dtype_of_the_labels_change_nothing() -> None:
    a, labels, patients = clustered()
    order = np.random.default_rng(2).permutation(len(a))
    shuffled = delong_interval(a[order], labels[order].astype(np.float32), patients[order])
    assert shuffled["interval"] == pytest.approx(delong_interval(a, labels, patients)["interval"], rel=1e-12)
    assert shuffled["auroc"] == compute_auroc(a, labels)


def test_malformed_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows of \[2, 3\] scores"):
        delong_covariance([[1, 2], [1, 2, 3]], [0, 1])
    with pytest.raises(ValueError, match=r"scores\[1\] must be finite; NaN or infinite at index 0"):
        delong_covariance([[1, 2], [np.nan, 2]], [0, 1])
    with pytest.raises(ValueError, match="got 2 and 3 scores"):
        delong_test([1, 2], [1, 2, 3], [0, 1])
    with pytest.raises(ValueError, match="got 1 for 2 scores"):
        delong_test([1, 2], [1, 2], [0, 1], ["a"])
    with pytest.raises(ValueError, match=r"confidence must lie between 0 and 1, such as 0\.95; got 95"):
        delong_interval([1, 2], [0, 1], confidence=95)
