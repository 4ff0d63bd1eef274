"""A Gaussian of all sites' codes from sums."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.gaussian import Gaussian, axis_units, bounded, varies


@dataclasses.dataclass(frozen=True)
class CodeMoments:
    """Sums over codes, which add up over sites.

    What :py:meth:`imgae_monai.transforms.Gaussian.fit` takes from all codes at once, here in two steps: the first gives
    all sites the mean and unit of each axis; by these each sums up the products of axes (:py:meth:`scatter`), and what
    Ledoit and Wolf's shrinkage (2004, section 3.3) needs beside the covariance: lengths to the fourth power.

    Args:
        n: number of codes.
        total: sum, shape (d,).
        square: sum of squares, shape (d,).
        largest: largest absolute value, shape (d,).
    """

    n: int
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    largest: NDArray[np.float64]

    @classmethod
    def of(cls, codes: NDArray[np.float64]) -> CodeMoments:
        """Of one site's codes, shape (n, d).

        Raises:
            InputError: when one is not finite.
        """
        if not np.isfinite(codes).all():
            raise InputError("codes of normal images are not finite: check the data and the weights")
        return cls(len(codes), codes.sum(axis=0), np.square(codes).sum(axis=0), np.abs(codes).max(axis=0))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Over all codes, shape (d,)."""
        return self.total / self.n

    @property
    def std(self) -> NDArray[np.float64]:
        """Over all codes, shape (d,)."""
        variance = self.square / self.n - np.square(self.mean)
        return np.asarray(np.sqrt(variance.clip(min=0)))

    @property
    def unit(self) -> NDArray[np.float64]:
        """What each axis is measured in, shape (d,)."""
        return axis_units(self.std, self.largest)

    def scatter(self, codes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of a site's codes, standardised by all sites': sums of products (d, d), and of lengths to the fourth, ()."""
        z = (codes - self.mean) / self.unit
        return z.T @ z, np.asarray(np.square(np.square(z).sum(axis=1)).sum())

    def gaussian(self, scatter: NDArray[np.float64], fourth: NDArray[np.float64]) -> Gaussian:
        """Of all sites' codes.

        Args:
            scatter: sum over sites of what :py:meth:`scatter` gives.
            fourth: the same.

        Raises:
            InputError: when all codes are the same.
        """
        if self.n < 2 or not varies(self.std, self.largest).any():
            raise InputError("codes of normal images are all the same: there is no distance to them")
        covariance = bounded(_ledoit_wolf(scatter / self.n, float(fourth), self.n))
        precision = np.linalg.inv(covariance) / self.unit / self.unit[:, None]
        return Gaussian(torch.from_numpy(self.mean), torch.from_numpy(precision))


def _ledoit_wolf(covariance: NDArray[np.float64], fourth: float, n: int) -> NDArray[np.float64]:
    d = len(covariance)
    size = np.trace(covariance) / d
    squares = float(np.square(covariance).sum())
    distance = squares - d * size**2  # d times theirs, as the next
    noise = (fourth / n - squares) / n
    shrinkage = min(noise, distance) / distance if distance > 0 else 0.0
    return (1 - shrinkage) * covariance + shrinkage * size * np.eye(d)
