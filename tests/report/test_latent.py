from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.report.latent import project, sample_rows


def codes(n=40, size=5, seed=0):
    return np.random.default_rng(seed).normal(size=(n, size)) * np.arange(size, 0, -1) ** 2


def test_pca_is_the_singular_vectors_of_the_centred_codes():
    values = codes()
    centred = values - values.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    found = project(values)
    np.testing.assert_allclose(np.abs(found.pca), np.abs(u[:, :2] * s[:2]), atol=1e-9)
    np.testing.assert_allclose(found.explained, s[:2] ** 2 / (s**2).sum())


def test_tsne_keeps_neighbours_and_repeats():
    values = np.concatenate([codes(20), codes(20, seed=1) + 200])
    found = project(values)
    np.testing.assert_array_equal(found.tsne, project(values).tsne)
    a, b = found.tsne[:20], found.tsne[20:]
    within = max(np.linalg.norm(x - x.mean(axis=0), axis=1).max() for x in (a, b))
    assert np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)) > within
    assert found.perplexity == pytest.approx(13)


@pytest.mark.parametrize("values", [codes(9), codes(40, 1), np.full((20, 3), np.nan), np.zeros(20), np.ones((20, 3))])
def test_codes_that_show_nothing_are_refused(values):
    with pytest.raises(ValueError, match=r"at least 10 images and 2 dimensions|must be finite|the same code"):
        project(values)


def test_a_sample_is_drawn_once_and_in_order():
    assert sample_rows(5, n_sampled=10).tolist() == [0, 1, 2, 3, 4]
    rows = sample_rows(5000, seed=3, n_sampled=100)
    assert len(set(rows.tolist())) == 100
    assert (np.diff(rows) > 0).all()
    assert rows.max() < 5000
    assert (rows == sample_rows(5000, seed=3, n_sampled=100)).all()
    assert (rows != sample_rows(5000, seed=4, n_sampled=100)).any()
