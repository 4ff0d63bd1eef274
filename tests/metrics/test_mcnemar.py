from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from imgae_monai.metrics import mcnemar_test


def decisions(only_a: int, only_b: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decisions on images that alternate between the classes, right or wrong so many times."""
    right_a = np.repeat([True, False, True, False], [only_a, only_b, both, neither])
    right_b = np.repeat([False, True, True, False], [only_a, only_b, both, neither])
    labels = np.arange(len(right_a)) % 2 == 0
    return right_a == labels, right_b == labels, labels


def test_counts_and_p_value_by_hand() -> None:
    result = mcnemar_test(*decisions(only_a=8, only_b=2, both=20, neither=5))
    assert result == {
        "only_a_right": 8,
        "only_b_right": 2,
        "both_right": 20,
        "both_wrong": 5,
        "difference": pytest.approx(6 / 35),
        "p_value": pytest.approx(2 * (1 + 10 + 45) / 2**10),
    }


def test_exact_p_value_is_the_binomial_sum_and_near_the_chi_square_of_large_counts() -> None:
    # Agresti 2002, table 10.1: approval of the prime minister at two surveys, 150 against 86 changed their mind;
    # z^2 = 64^2 / 236 = 17.36
    p_value = mcnemar_test(*decisions(only_a=150, only_b=86, both=794, neither=570))["p_value"]
    assert p_value == pytest.approx(2 * sum(math.comb(236, k) for k in range(87)) / 2**236, rel=1e-9)
    assert p_value == pytest.approx(chi2.sf(63**2 / 236, 1), rel=0.1)  # with Edwards' continuity correction


def test_swapping_the_models_changes_the_sign_only() -> None:
    a, b, labels = decisions(7, 3, 10, 1)
    one, other = mcnemar_test(a, b, labels), mcnemar_test(b, a, labels)
    assert one["difference"] == -other["difference"] == pytest.approx(4 / 21)
    assert one["p_value"] == other["p_value"]


def test_no_discordant_image_shows_no_difference() -> None:
    assert mcnemar_test(*decisions(0, 0, 5, 2))["p_value"] == 1
    assert mcnemar_test(*decisions(4, 4, 5, 2))["p_value"] == 1


def test_no_image_is_undefined() -> None:
    result = mcnemar_test([], [], [])
    assert (result["difference"], result["p_value"]) == (None, None)


def test_malformed_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"decisions_b must be one 0 or 1 per image, \(2,\)"):
        mcnemar_test([0, 1], [0], [0, 1])
    with pytest.raises(ValueError, match=r"decisions_a must be 0 \(normal\) or 1 \(abnormal\); got 0.7 at index 1"):
        mcnemar_test([0, 0.7], [0, 1], [0, 1])
    with pytest.raises(ValueError, match=r"labels must be 0 \(normal\) or 1 \(abnormal\); got 2"):
        mcnemar_test([0, 1], [0, 1], [0, 2])
    with pytest.raises(ValueError, match="labels must be one 0 or 1 per"):
        mcnemar_test([0, 1], [0, 1], [[0, 1]])
