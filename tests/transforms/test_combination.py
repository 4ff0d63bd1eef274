from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import shapiro, yeojohnson, yeojohnson_normmax
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Combination, left_out_scores


def normals(n: int = 60, k: int = 3, seed: int = 0) -> np.ndarray:
    """Correlated, skewed scores of very different units."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, k)) + rng.normal(size=(n, 1))
    return np.exp(0.5 * mixed) * 10.0 ** np.arange(-3, k - 3)


def scored(fitted: Combination, values: np.ndarray) -> np.ndarray:
    return np.array([fitted.score(torch.from_numpy(value)).item() for value in values])


def by_hand(two_sided: bool) -> Combination:
    """Exponents 0, 1 and 2 around medians of 1, in units of 2."""
    one = torch.ones(3, dtype=torch.float64)
    precision = torch.tensor([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 4.0]], dtype=torch.float64)
    power = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    return Combination(two_sided, one, 2 * one, power, 0.5 * one, 0.25 * one, precision, 4.0)


def test_parts_and_scores_by_hand():
    # scaled to 1, 1 and 1: log 2, 1 and (2^2 - 1) / 2; then less 0.5, in units of 0.25
    above = torch.tensor([3.0, 3.0, 3.0])
    parts = [4 * (math.log(2) - 0.5), 2.0, 4.0]
    assert by_hand(False).standardise(above).tolist() == pytest.approx(parts)
    assert by_hand(False).score(above).item() == pytest.approx(sum(parts) / 4)
    a, b, c = parts
    assert by_hand(True).score(above).item() == pytest.approx(2 * a * a + b * b + a * b + 4 * c * c)
    # scaled to -1: -(2^2 - 1) / 2, -1 and -log 2
    below = by_hand(False).standardise(torch.tensor([-1.0, -1.0, -1.0]))
    assert below.tolist() == pytest.approx([4 * (-1.5 - 0.5), -6.0, 4 * (-math.log(2) - 0.5)])


def test_the_power_transform_is_scipys_and_the_exponent_the_likeliest():
    values = normals(200)
    fitted = Combination.fit(values, two_sided=False)
    low, center, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    for i in range(3):
        scaled = (values[:, i] - center[i]) / ((high[i] - low[i]) / 1.3489795)
        assert fitted.power[i].item() == pytest.approx(yeojohnson_normmax(scaled), abs=0.026)
        curved = yeojohnson(scaled, fitted.power[i].item())
        expected = (curved - curved.mean()) / curved.std(ddof=1)
        found = fitted.standardise(torch.from_numpy(values))[:, i]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_skewed_scores_become_gaussian():
    values = normals(134)
    found = Combination.fit(values, two_sided=False).standardise(torch.from_numpy(values)).numpy()
    assert min(shapiro(column).pvalue for column in found.T) > 0.05
    assert max(shapiro(column).pvalue for column in values.T) < 1e-4


@pytest.mark.parametrize("two_sided", [False, True])
def test_the_parts_correlation_is_taken_into_account(two_sided):
    values = normals(2000)
    fitted = Combination.fit(values, two_sided)
    parts = fitted.standardise(torch.from_numpy(values)).numpy()
    covariance = ledoit_wolf(parts)[0]
    inverse = np.linalg.inv(covariance)
    expected = (
        [part @ inverse @ part for part in parts] if two_sided else parts.sum(axis=1) / math.sqrt(covariance.sum())
    )
    np.testing.assert_allclose(scored(fitted, values), expected, rtol=1e-6, atol=1e-9)
    # about a standard Gaussian, or chi-squared with three degrees of freedom
    assert np.mean(expected) == pytest.approx(3 if two_sided else 0, abs=0.05)
    assert two_sided or np.var(expected) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_left_out_scores_are_those_of_a_refit_to_the_others(two_sided, k):
    values = normals(25, k)
    refits = [scored(Combination.fit(np.delete(values, i, axis=0), two_sided), values[i : i + 1])[0] for i in range(25)]
    assert left_out_scores(values, two_sided).tolist() == refits


def test_of_many_images_groups_are_left_out(monkeypatch):
    monkeypatch.setattr("imgae_monai.transforms.combination._FOLDS", 7)
    values = normals(25)
    found = left_out_scores(values, True)
    for fold in range(7):
        kept = np.delete(values, slice(fold, 25, 7), axis=0)
        np.testing.assert_array_equal(found[fold::7], scored(Combination.fit(kept, True), values[fold::7]))


def test_too_easy_is_abnormal_only_where_the_score_is_two_sided():
    values = normals(100, 1)
    easy = np.array([[values.min() / 20]])
    one, two = (Combination.fit(values, two_sided) for two_sided in (False, True))
    assert scored(one, easy) < left_out_scores(values, False).min()
    assert scored(two, easy) > np.quantile(left_out_scores(values, True), 0.95)


def test_two_sided_sees_a_pattern_that_no_part_shows_alone():
    values = normals(500, 2)
    fitted = Combination.fit(values, two_sided=True)
    median = np.median(values, axis=0)
    low, high = np.quantile(values, [0.1, 0.9], axis=0)
    # where one part is high the other is high too, as a rule
    assert scored(fitted, np.array([[low[0], high[1]]])) > scored(fitted, np.array([high]))
    assert scored(fitted, np.array([median])) < 0.5


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_useless_part_spoils_little_and_a_useful_one_is_kept(two_sided):
    rng = np.random.default_rng(1)
    fitted_to = rng.normal(size=(200, 2))
    healthy, ill = rng.normal(size=(400, 2)), rng.normal([3, 0], size=(400, 2))
    fitted = Combination.fit(fitted_to, two_sided)
    labels = np.repeat([0, 1], 400)
    useful, useless, both = (
        roc_auc_score(labels, scores)
        for scores in (*np.concatenate([healthy, ill]).T, scored(fitted, np.concatenate([healthy, ill])))
    )
    assert useless == pytest.approx(0.5, abs=0.05)
    assert useful > both > 0.93


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    value=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    part=st.integers(0, 2),
    more=st.floats(0.01, 1e4),
)
def test_one_sided_grows_with_every_part(value, part, more):
    fitted = Combination.fit(normals(40), two_sided=False)
    higher = np.array(value)
    higher[part] += more
    assert fitted.score(torch.from_numpy(higher)) > fitted.score(torch.tensor(value, dtype=torch.float64))


def test_units_do_not_matter():
    values, other = normals(), normals(seed=1)
    changed, offset = [3.0, 1e-6, 1e4], [0.0, -5.0, 100.0]
    first = scored(Combination.fit(values, True), other)
    second = scored(Combination.fit(values * changed + offset, True), other * changed + offset)
    np.testing.assert_allclose(second, first, rtol=1e-5)


def test_a_gradient_goes_through():
    fitted = Combination.fit(normals(), two_sided=True)
    value = torch.from_numpy(normals(seed=2)[0]).requires_grad_()
    assert torch.autograd.gradcheck(fitted.score, value, eps=1e-7, rtol=1e-3)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.ones(20), "score b is the same for all normal validation images, or all but one: leave it out"),
        (np.r_[2.0, np.ones(19)], "score b is the same for all"),
        (np.r_[1.0, np.nan, np.arange(18)], "score b of a normal validation image is not finite"),
    ],
)
def test_a_part_that_says_nothing_is_named(column, message):
    values = np.stack([normals(20, 1)[:, 0], column], axis=1)
    with pytest.raises(InputError, match=message):
        left_out_scores(values, False, ["a", "b"])


def test_half_of_the_images_alike_are_no_obstacle():
    values = np.where(np.arange(40) < 30, 1.0, np.arange(40))[:, None]
    assert np.isfinite(left_out_scores(values, True)).all()


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match="needs at least 4 normal validation images, got 3"):
        left_out_scores(normals(3), False)
    assert np.isfinite(left_out_scores(normals(4), True)).all()
