"""Several scores of an image as one, by what they are on normal validation images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.gaussian import shrunk_covariance

_IQR = 1.3489795  # of a Gaussian, in standard deviations
_FOLDS = 200
_FEWEST = 4
_POWERS = torch.linspace(0, 2, 41, dtype=torch.float64)


@dataclasses.dataclass(frozen=True)
class Combination:
    """Scores made Gaussian, each on its own, and then one number of them.

    A score of normal images has a long right tail (on chest X-rays a skewness of 2 to 3): in its own units, the tail
    would count and the lower half be all alike. So each is taken in units of its interquartile range from its median,
    and then through Yeo and Johnson's power transform ("A new family of power transformations to improve normality or
    symmetry", 2000). Its exponent is the likeliest one, by steps of 0.05, within [0, 2]: beyond, the transform has an
    upper (or lower) bound of some three standard deviations, and an image far outside would be no more abnormal than
    one that is just outside. Then each has mean 0 and standard deviation 1.

    * One-sided: their sum over its standard deviation (Stouffer 1949, with correlated parts as Strube 1985). It grows
      with every part; a whitened sum would not, as weights of correlated parts may be negative.
    * Two-sided: their squared Mahalanobis distance to the normal images: what is too easy, or of an unusual pattern, is
      abnormal too. The covariance is shrunk as Ledoit and Wolf 2004 do.

    Args:
        two_sided: which of the two.
        center: medians, shape (k,), as all that follows float64.
        unit: interquartile ranges as standard deviations, shape (k,).
        power: exponents, shape (k,).
        mean: means after the power transform, shape (k,).
        std: standard deviations after it, shape (k,).
        precision: inverse covariance of the standardised scores, shape (k, k).
        spread: standard deviation of their sum.
    """

    two_sided: bool
    center: torch.Tensor
    unit: torch.Tensor
    power: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    precision: torch.Tensor
    spread: float

    @classmethod
    def fit(cls, values: NDArray[np.float64], two_sided: bool, names: Sequence[str] | None = None) -> Combination:
        """Fit to normal images.

        Args:
            values: scores, shape (n, k).
            two_sided: see above.
            names: of the scores, for the error.

        Raises:
            InputError: when a score is the same for all images, or not finite.
        """
        _check(values, names or [f"number {i}" for i in range(values.shape[1])])
        low, center, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        # where half of the images score the same
        unit = np.where(high > low, (high - low) / _IQR, values.std(axis=0))
        scaled = torch.from_numpy((values - center) / unit)
        power = _likeliest_power(scaled)
        curved = yeo_johnson(scaled, power).numpy()
        mean, std = curved.mean(axis=0), curved.std(axis=0, ddof=1)
        covariance = shrunk_covariance((curved - mean) / std)
        center, unit, mean, std, precision = map(torch.from_numpy, (center, unit, mean, std, np.linalg.inv(covariance)))
        return cls(two_sided, center, unit, power, mean, std, precision, float(np.sqrt(covariance.sum())))

    def standardise(self, values: torch.Tensor) -> torch.Tensor:
        """Scores (..., k) as Gaussian ones of mean 0 and standard deviation 1 over normal images, float64."""
        center, unit, power, mean, std = (
            x.to(values.device) for x in (self.center, self.unit, self.power, self.mean, self.std)
        )
        return (yeo_johnson((values.double() - center) / unit, power) - mean) / std

    def score(self, values: torch.Tensor) -> torch.Tensor:
        """
        Args:
            values: scores of one image, shape (k,).

        Returns:
            a tensor of no axes, float64. Over normal images about standard Gaussian; two-sided, about chi-squared.
        """
        parts = self.standardise(values)
        if self.two_sided:
            return parts @ self.precision.to(parts.device) @ parts
        return parts.sum() / self.spread


def left_out_scores(
    values: NDArray[np.float64], two_sided: bool, names: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """The combined score of each image by what is fitted to the others, as an image that helped looks more normal.

    Of more than 200 images they are left out in 200 groups.

    Args:
        values: scores, shape (n, k).
        two_sided: see :py:class:`Combination`.
        names: of the scores, for the error.

    Returns:
        shape (n,).

    Raises:
        InputError: as :py:meth:`Combination.fit`, and when there are fewer than four images.
    """
    n = len(values)
    if n < _FEWEST:
        raise InputError(f"a combined or two-sided score needs at least {_FEWEST} normal validation images, got {n}")
    scores = np.empty(n)
    for fold in range(min(n, _FOLDS)):
        out = slice(fold, n, _FOLDS)
        fitted = Combination.fit(np.delete(values, out, axis=0), two_sided, names)
        scores[out] = [float(fitted.score(torch.from_numpy(value))) for value in values[out]]
    return scores


def _check(values: NDArray[np.float64], names: Sequence[str]) -> None:
    for name, column in zip(names, values.T, strict=True):
        if not np.isfinite(column).all():
            raise InputError(f"score {name} of a normal validation image is not finite: check the data and the weights")
        if column.max() - column.min() <= 1e-12 * np.abs(column).max():
            raise InputError(f"score {name} is the same for all normal validation images, or all but one: leave it out")


def _likeliest_power(scaled: torch.Tensor) -> torch.Tensor:
    """The exponent of every column (n, k) under which it is likeliest to come from a Gaussian (as there, section 3)."""
    variances = yeo_johnson(scaled, _POWERS[:, None, None]).var(dim=1, correction=0)
    jacobian = (scaled.sign() * scaled.abs().log1p()).sum(dim=0)
    likelihood = (_POWERS[:, None] - 1) * jacobian - len(scaled) / 2 * variances.log()
    return _POWERS[likelihood.argmax(dim=0)]


def yeo_johnson(values: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    """Yeo and Johnson's transform with exponents in [0, 2], of every column its own."""
    upper = _box_cox(values.clamp_min(0), power)
    return upper - _box_cox((-values).clamp_min(0), 2 - power)


def _box_cox(values: torch.Tensor, power: torch.Tensor) -> torch.Tensor:
    """((1 + v)^p - 1) / p, and its limit log(1 + v) at p = 0."""
    logarithm = torch.log1p(values)
    safe = torch.where(power == 0, torch.ones_like(power), power)
    return torch.where(power == 0, logarithm, torch.expm1(safe * logarithm) / safe)
