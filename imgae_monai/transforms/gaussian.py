"""A Gaussian of normal images' vectors, and how far from it an image is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError

_SMALLEST = 1e-12  # of the mean variance: what an axis without any variance is taken to have


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Mean and inverse covariance of vectors.

    Args:
        mean: shape (d,), float64.
        precision: inverse of the covariance, shape (d, d), float64.
    """

    mean: torch.Tensor
    precision: torch.Tensor

    @classmethod
    def fit(cls, values: NDArray[np.float64], what: str = "vectors") -> Gaussian:
        """Fit with the covariance shrunk towards a multiple of the identity, as there may be more axes than images.

        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices".

        Args:
            values: shape (n, d).
            what: what they are, for the error.

        Raises:
            InputError: when they are all the same, or one is not finite.
        """
        covariance = shrunk_covariance(values, what)
        return cls(torch.from_numpy(values.mean(axis=0)), torch.from_numpy(np.linalg.inv(covariance)))

    def squared_distance(self, value: torch.Tensor) -> torch.Tensor:
        """Squared Mahalanobis distance of a vector (d,), a tensor of no axes, float64."""
        mean, precision = (x.to(value.device) for x in (self.mean, self.precision))
        centred = value.double() - mean
        return centred @ precision @ centred


def shrunk_covariance(values: NDArray[np.float64], what: str = "vectors") -> NDArray[np.float64]:
    """Covariance (d, d) of vectors (n, d), shrunk as Ledoit and Wolf do; always invertible.

    Raises:
        InputError: when the vectors are all the same, or one is not finite.
    """
    # scikit-learn takes a second to import
    from sklearn.covariance import ledoit_wolf

    if not np.isfinite(values).all():
        raise InputError(f"{what} of normal validation images are not finite: check the data and the weights")
    if len(values) < 2 or not np.ptp(values, axis=0).any():
        raise InputError(f"{what} of normal validation images are all the same: there is no distance to them")
    covariance = ledoit_wolf(values)[0]
    return covariance + _SMALLEST * np.trace(covariance) / len(covariance) * np.eye(len(covariance))


def left_out_distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Mahalanobis distance of each vector to a Gaussian that is fitted to all the others.

    As :py:meth:`Gaussian.fit` for each, shrinkage and all, in closed form. With x a vector minus the mean of all n and
    S their covariance, that of the others is n/(n-1) S - n/(n-1)^2 xx', from which Ledoit and Wolf's shrinkage and, by
    Sherman and Morrison's formula in the eigenvectors of S, the distance follow.

    Args:
        values: shape (n, d), n at least 3.

    Returns:
        shape (n,).
    """
    n = len(values)
    others = n - 1
    x = values - values.mean(axis=0)
    covariance = x.T @ x / n
    variances, axes = np.linalg.eigh(covariance)
    squares = (x @ axes) ** 2
    shrinkage, mean_variance = _left_out_shrinkage(x, squares @ variances, float(np.sum(variances**2)))
    kept = 1 - shrinkage
    shrunk = (kept * n / others)[:, None] * variances.clip(0) + (shrinkage * mean_variance)[:, None]
    shrunk = shrunk + _SMALLEST * mean_variance[:, None]
    q = np.sum(squares / shrunk, axis=1)
    return (n / others) ** 2 * q / (1 - kept * n / others**2 * q)


def _left_out_shrinkage(
    x: NDArray[np.float64], along: NDArray[Any], squared_norm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ledoit and Wolf's shrinkage without each vector in turn, and the mean variance that it goes towards.

    Args:
        x: centred vectors, shape (n, d).
        along: x'Sx of each.
        squared_norm: of S (Frobenius).
    """
    n, d = x.shape
    m = n - 1
    a = np.sum(x**2, axis=1)
    mean_variance = (a.sum() - n / m * a) / (m * d)
    if d == 1:
        return np.zeros(n), mean_variance
    # sum of the others' |c - mean of the others|^4: that of all, c - mean = x_k + x_i / m, less the vector's own
    fourth = np.sum(a**2) + 4 / m * (x @ (a @ x)) + 2 * a.sum() / m**2 * a + 4 * n / m**2 * along + n * a**2 / m**4
    fourth = fourth - (n / m) ** 4 * a**2
    norm = (n / m) ** 2 * squared_norm - 2 * n**2 / m**3 * along + (n / m**2) ** 2 * a**2
    dispersion = norm / d - mean_variance**2
    error = np.minimum((fourth / m - norm) / (d * m), dispersion)
    safe = np.where(error > 0, dispersion, 1)
    return np.where(error > 0, error / safe, 0.0), mean_variance
