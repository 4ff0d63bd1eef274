"""A map that knows nothing but where images are cut: what any localisation is to be better than."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SIGMA = 0.25  # of each side; another one ranks the pixels of maps of one size no differently


def center_prior(shape: Sequence[int]) -> NDArray[np.float64]:
    """A Gaussian at the image's centre, stretched to the image's aspect, as an anomaly map.

    An image is taken around what matters, so that this map finds regions better than chance. Source: the centre model
    of Judd, Durand and Torralba, "A benchmark of computational models of saliency to predict human fixations", 2012.
    Its standard deviation is a quarter of each side here, which no figure by ranks (AUROC, average precision, AUPRO,
    best Dice, pointing game) depends on where all maps are of one size.

    Args:
        shape: (H, W) or (H, W, D).

    Returns:
        of that shape, at most 1.

    Example:
        >>> center_prior((3, 5)).round(2)[1].tolist()
        [0.28, 0.73, 1.0, 0.73, 0.28]
    """
    axes = [((np.arange(n) + 0.5) / n - 0.5) / _SIGMA for n in shape]
    squares = np.meshgrid(*(axis**2 for axis in axes), indexing="ij")
    return np.exp(-0.5 * np.sum(squares, axis=0))


def threshold_of_share(maps: Sequence[NDArray[np.floating]], share: float) -> float:
    """The threshold over which a share of all maps' pixels lies: that of a reference that flags as much as a model.

    Args:
        maps: of any sizes.
        share: of the pixels, in [0, 1].

    Returns:
        the threshold for "score > threshold"; where pixels are tied there, fewer lie above.

    Example:
        >>> threshold_of_share([np.arange(10.0)], 0.2)
        7.0
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1]; got {share}")
    pixels = np.concatenate([np.ravel(m) for m in maps])
    if not pixels.size:
        raise ValueError("maps hold no pixel")
    n_above = min(round(share * pixels.size), pixels.size)
    if n_above == pixels.size:
        return float(np.nextafter(pixels.min(), -np.inf))
    return float(np.partition(pixels, pixels.size - 1 - n_above)[pixels.size - 1 - n_above])
