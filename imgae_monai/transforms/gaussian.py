"""A Gaussian of normal images' vectors, and how far from it an image is."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError

_SMALLEST = 1e-12  # of the mean variance: what an axis without any variance is taken to have

_ROUNDING = 1e-5  # of an axis's values, which networks compute in float32


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
        """Fit with the correlations shrunk towards none, as there may be more axes than images.

        Ledoit and Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices", for axes in
        units of their standard deviation: they may be of different kinds, and in its own units a small one would count
        for nothing. An axis that is the same for all, but for what rounding does, is in units of the mean one.

        Args:
            values: shape (n, d).
            what: what they are, for the error.

        Raises:
            InputError: when they are all the same, or one is not finite.
        """
        if not np.isfinite(values).all():
            raise InputError(f"{what} of normal images are not finite: check the data and the weights")
        unit = axis_units(values.std(axis=0), np.abs(values).max(axis=0))
        covariance = shrunk_covariance((values - values.mean(axis=0)) / unit, what)
        precision = np.linalg.inv(covariance) / unit / unit[:, None]
        return cls(torch.from_numpy(values.mean(axis=0)), torch.from_numpy(precision))

    def squared_distance(self, value: torch.Tensor) -> torch.Tensor:
        """Squared Mahalanobis distance of a vector (d,), a tensor of no axes, float64.

        Raises:
            InputError: when it has another length, as where an earlier version made the calibration.
        """
        if value.shape != self.mean.shape:
            raise InputError(
                f"a code must have the {len(self.mean)} axes of the calibration, got shape {tuple(value.shape)}: "
                "make a new one, imgae-monai calibrate RUN (same score options)"
            )
        mean, precision = (x.to(value.device) for x in (self.mean, self.precision))
        centred = value.double() - mean
        return centred @ precision @ centred


def axis_units(std: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each axis is measured in: its standard deviation, or the mean one where it is the same for all.

    Args:
        std: standard deviations, shape (d,).
        largest: largest absolute values, shape (d,).
    """
    return np.where(varies(std, largest), std, std.mean() or 1.0)


def varies(std: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether an axis is not the same for all, but for what rounding does; arguments as for :py:func:`axis_units`."""
    return np.asarray(std > _ROUNDING * largest)


def shrunk_covariance(values: NDArray[np.float64], what: str = "vectors") -> NDArray[np.float64]:
    """Covariance (d, d) of vectors (n, d), shrunk as Ledoit and Wolf do; always invertible.

    Raises:
        InputError: when the vectors are all the same, or one is not finite.
    """
    # scikit-learn takes a second to import
    from sklearn.covariance import ledoit_wolf

    if not np.isfinite(values).all():
        raise InputError(f"{what} of normal images are not finite: check the data and the weights")
    if len(values) < 2 or not np.ptp(values, axis=0).any():
        raise InputError(f"{what} of normal images are all the same: there is no distance to them")
    return bounded(ledoit_wolf(values)[0])


def bounded(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A covariance (d, d) that can be inverted though an axis has no variance."""
    return covariance + _SMALLEST * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
