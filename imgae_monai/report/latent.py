"""The network's codes of images in two dimensions."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_IMAGES = 1000
_PERPLEXITY = 30.0
_LEAST = 10  # images


@dataclasses.dataclass(frozen=True)
class Projection:
    """Codes in two dimensions.

    Args:
        pca: (n, 2), by the two directions of the largest variance.
        explained: the share of the codes' variance that either direction holds.
        tsne: (n, 2).
        perplexity: of the t-SNE.
    """

    pca: NDArray[np.float64]
    explained: tuple[float, float]
    tsne: NDArray[np.float64]
    perplexity: float


def sample_rows(n_images: int, seed: int = 0, n_sampled: int = MAX_IMAGES) -> NDArray[np.intp]:
    """Positions of at most ``n_sampled`` images, drawn without looking at labels or scores, in rising order."""
    if n_images <= n_sampled:
        return np.arange(n_images)
    return np.sort(np.random.default_rng(seed).choice(n_images, n_sampled, replace=False))


def project(codes: ArrayLike, seed: int = 0) -> Projection:
    """Project codes by PCA and by t-SNE (van der Maaten and Hinton, JMLR 9, 2008; both scikit-learn's).

    Args:
        codes: (n, latent_size) with n of at least 10 and a latent_size of at least 2.
        seed: of the t-SNE.

    Raises:
        ValueError: when there are fewer images or dimensions, a code is not finite, or all are the same.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    values = np.asarray(codes, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < _LEAST or values.shape[1] < 2:
        raise ValueError(f"a projection needs at least {_LEAST} images and 2 dimensions; got codes of {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("codes must be finite")
    if (values == values[0]).all():
        raise ValueError("all images have the same code")
    pca = PCA(2, svd_solver="full").fit(values)
    first, second = pca.explained_variance_ratio_
    perplexity = min(_PERPLEXITY, (len(values) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(values)
    return Projection(pca.transform(values), (float(first), float(second)), np.asarray(tsne, np.float64), perplexity)
