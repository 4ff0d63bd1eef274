"""Several seeds a model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from imgae_monai.metrics import compute_auroc, delong_covariance, delong_test, seed_difference, seed_mean


def models(seeds_a=3, seeds_b=4, n=120, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    patients = np.arange(n) // 2 * 2 + labels  # two images a patient... of one class
    hard = rng.normal(size=n)
    a = [1.2 * labels + hard + rng.normal(size=n) for _ in range(seeds_a)]
    b = [(0.6 + 0.3 * rng.normal()) * labels + hard + rng.normal(size=n) for _ in range(seeds_b)]
    return a, b, labels, patients


def test_both_sources_of_chance_add_up():
    a, b, labels, patients = models()
    found = seed_difference(a, b, labels, patients)
    of_a, of_b = ([compute_auroc(scores, labels) for scores in model] for model in (a, b))
    assert found["difference"] == pytest.approx(np.mean(of_a) - np.mean(of_b))
    c = np.array([1 / 3] * 3 + [-1 / 4] * 4)
    parts = [c @ delong_covariance([*a, *b], labels, patients) @ c, np.var(of_a, ddof=1) / 3, np.var(of_b, ddof=1) / 4]
    assert found["patient_variance"] == pytest.approx(parts[0])
    assert found["seed_variance"] == pytest.approx(parts[1] + parts[2])
    assert found["standard_error"] ** 2 == pytest.approx(sum(parts))
    df = sum(parts) ** 2 / (parts[0] ** 2 / 59 + parts[1] ** 2 / 2 + parts[2] ** 2 / 3)
    assert found["degrees_of_freedom"] == pytest.approx(df)
    half = student.ppf(0.975, df) * found["standard_error"]
    assert found["interval"] == pytest.approx((found["difference"] - half, found["difference"] + half))
    assert (found["p_value"] < 0.05) == (abs(found["difference"]) > half)


def test_welchs_test_is_of_the_seeds_alone():
    # AUROCs 8/9, 1 and 7/9, 1/3: means 17/18 and 5/9, variances of the means 1/324 and 4/81
    labels, patients = [0, 0, 0, 1, 1, 1], list("abcdef")
    a = [[1, 2, 4, 3, 5, 6], [1, 2, 3, 4, 5, 6]]
    b = [[1, 3, 5, 2, 4, 6], [4, 2, 5, 1, 3, 6]]
    found = seed_difference(a, b, labels, patients)
    of_a, of_b = ([compute_auroc(s, labels) for s in model] for model in (a, b))
    va, vb = np.var(of_a, ddof=1) / 2, np.var(of_b, ddof=1) / 2
    assert found["welch"]["t"] == pytest.approx((np.mean(of_a) - np.mean(of_b)) / np.sqrt(va + vb))
    assert found["welch"]["degrees_of_freedom"] == pytest.approx((va + vb) ** 2 / (va**2 + vb**2))


def test_equal_seeds_leave_the_patients_chance():
    a, b, labels, patients = models(seeds_a=1, seeds_b=1)
    found = seed_difference(a * 2, b * 2, labels, patients)
    expected = delong_test(a[0], b[0], labels, patients)
    assert found["welch"] is None
    assert found["seed_variance"] == 0
    assert found["standard_error"] == pytest.approx(expected["standard_error"])
    assert found["degrees_of_freedom"] == pytest.approx(59)


def test_equal_aurocs_are_not_tested_for_their_rounding():
    normal = [1, 2, 3, 4, 5]
    a, b = [[*normal, 9, 2.5]] * 3, [[*normal, 9, 1.5]] * 3  # 7 and 6 of 10 pairs
    assert np.var([0.7] * 3) > 0
    assert seed_difference(a, b, [0] * 5 + [1] * 2, list("abcdefg"))["welch"] is None


def test_one_seed_tells_no_spread():
    a, b, labels, patients = models(seeds_a=1)
    found = seed_difference(a, b, labels, patients)
    assert found["difference"] is not None
    assert {key for key, value in found.items() if value is not None} == {"difference"}


def test_one_class_is_undefined():
    a, b, labels, patients = models()
    assert set(seed_difference(a, b, np.zeros_like(labels), patients).values()) == {None}


def test_the_same_rankings_differ_nowhere():
    a, _, labels, patients = models(seeds_a=1)
    found = seed_difference(a * 2, a * 2, labels, patients)
    assert (found["difference"], found["interval"]) == (0.0, None)


def test_the_mean_of_one_models_seeds():
    a, b, labels, patients = models()
    found, of_b = seed_mean(a, labels, patients), seed_mean(b, labels, patients)
    assert found["values"] == [compute_auroc(scores, labels) for scores in a]
    assert found["std"] == pytest.approx(np.std(found["values"], ddof=1))
    variance = delong_covariance(a, labels, patients).mean() + found["std"] ** 2 / 3
    assert found["standard_error"] ** 2 == pytest.approx(variance)
    half = student.ppf(0.975, found["degrees_of_freedom"]) * found["standard_error"]
    assert found["interval"] == pytest.approx((found["mean"] - half, found["mean"] + half))
    assert found["mean"] - of_b["mean"] == pytest.approx(seed_difference(a, b, labels, patients)["difference"])


def test_the_mean_of_one_seed_is_that_seeds():
    a, _, labels, patients = models(seeds_a=1)
    found = seed_mean(a, labels, patients)
    assert (found["mean"], found["std"], found["interval"]) == (compute_auroc(a[0], labels), None, None)
    assert set(seed_mean(a, labels * 0, patients).values()) == {None}


def test_an_interval_of_a_mean_stays_within_0_and_1():
    labels, patients = [0, 0, 0, 1, 1, 1], list("abcdef")
    found = seed_mean([[1, 2, 4, 3, 5, 6], [1, 2, 3, 4, 5, 6]], labels, patients)
    assert found["interval"][1] == 1.0
