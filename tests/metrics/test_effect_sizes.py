"""Effect sizes against their tables."""

from __future__ import annotations

import math

import pytest

from imgae_monai.metrics import cohen_h, d_prime


@pytest.mark.parametrize(("auroc", "expected"), [(0.5, 0.0), (0.76, 0.9989), (0.9214, 2.0), (0.24, -0.9989)])
def test_d_prime_of_a_distance(auroc, expected):
    # two unit normals d apart have the AUROC Phi(d / sqrt(2)): 1 gives 0.7602, 2 gives 0.9214
    assert d_prime(auroc) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("auroc", [0.0, 1.0, None])
def test_no_distance_where_it_is_infinite(auroc):
    assert d_prime(auroc) is None


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    # phi of Cohen 1988, table 6.2.2: 0.50 is 1.571, 0.40 is 1.369, 0.25 is 1.047, 0.65 is 1.875
    [(0.5, 0.4, 1.571 - 1.369), (0.65, 0.25, 1.875 - 1.047), (0.25, 0.65, 1.047 - 1.875), (1, 0, math.pi)],
)
def test_h_by_cohens_table(a, b, expected):
    assert cohen_h(a, b) == pytest.approx(expected, abs=1e-3)


def test_h_of_nothing_is_none():
    assert cohen_h(None, 0.5) is None
    assert cohen_h(0.5, None) is None
