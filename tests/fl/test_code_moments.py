from __future__ import annotations

import numpy as np
import pytest
import torch

from imgae_monai.exceptions import InputError
from imgae_monai.fl import CodeMoments
from imgae_monai.transforms import Gaussian

RNG = np.random.default_rng(3)


def codes(n: int, d: int = 6) -> np.ndarray:
    """Correlated axes of different sizes, far from 0, and one that is the same for all."""
    values = RNG.normal(size=(n, d)) @ RNG.normal(size=(d, d)) * 10.0 ** np.arange(-2, d - 2) + 50
    values[:, -1] = 7.0
    return values


def gaussian_of(sites: list[np.ndarray]) -> Gaussian:
    """As sites and server do it."""
    own = [CodeMoments.of(site) for site in sites]
    all_sites = CodeMoments(
        sum(m.n for m in own),
        sum(m.total for m in own),
        sum(m.square for m in own),
        np.max([m.largest for m in own], axis=0),
    )
    scatters = [all_sites.scatter(site) for site in sites]
    return all_sites.gaussian(sum(s for s, _ in scatters), sum(f for _, f in scatters))


@pytest.mark.parametrize("sizes", [(5, 3), (40, 7, 90), (200, 1)])
@pytest.mark.parametrize("d", [2, 6, 30])
def test_the_gaussian_of_sites_is_that_of_all_codes_together(sizes, d):
    """Fewer codes than axes, and more."""
    sites = [codes(n, d) + 3 * i for i, n in enumerate(sizes)]
    together = Gaussian.fit(np.concatenate(sites))
    pooled = gaussian_of(sites)
    torch.testing.assert_close(pooled.mean, together.mean, rtol=1e-12, atol=0)
    for image in np.concatenate(sites)[:5] + RNG.normal(size=d):
        image = torch.from_numpy(image)
        expected = together.squared_distance(image)
        torch.testing.assert_close(pooled.squared_distance(image), expected, rtol=1e-6, atol=0)


def test_codes_that_are_all_the_same_have_no_gaussian():
    with pytest.raises(InputError, match="all the same: there is no distance"):
        gaussian_of([np.full((4, 3), 0.1), np.full((5, 3), 0.1)])


def test_codes_that_are_not_finite_leave_no_site():
    with pytest.raises(InputError, match="not finite"):
        CodeMoments.of(np.array([[1.0, np.nan]]))
