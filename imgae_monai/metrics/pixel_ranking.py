"""Figures of merit over the pixels of many anomaly maps: exact areas without a table of thresholds.

Every figure here is a sum over the truth's pixels of something that depends on how many other pixels score above them,
so that the other pixels are sorted once and searched: 1,000 maps of 256 x 256 fit in memory. Tied pixels form one step
of a curve, which is then linear along it, as in a curve that is drawn from thresholds and integrated by the trapezoid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class PixelRanking:
    """Pixels of the truth ranked among all others.

    Args:
        inside: scores of the pixels of the truth, (p,).
        outside: scores of all other pixels, (n,).

    Raises:
        ValueError: when either is empty.
    """

    def __init__(self, inside: NDArray[Any], outside: NDArray[Any]) -> None:
        if not inside.size or not outside.size:
            raise ValueError(
                f"pixels inside and outside of the truth are needed; got {inside.size} inside and {outside.size} "
                "outside"
            )
        self._order = np.argsort(-inside, kind="stable")
        self._scores = inside[self._order]
        rest = np.sort(outside)
        self._n_outside = rest.size
        self._above = rest.size - np.searchsorted(rest, self._scores, side="right")
        self._from = rest.size - np.searchsorted(rest, self._scores, side="left")
        # of tied pixels all count, as the one that stands last among them
        self._inside_from = np.searchsorted(-self._scores, -self._scores, side="right")

    def area(self, limit: float = 1.0, weights: NDArray[Any] | None = None) -> float:
        """Area under the curve of found truth over false-positive rate, up to a rate, over that rate.

        Args:
            limit: highest false-positive rate, in (0, 1].
            weights: how much each pixel of the truth counts, (p,) in the order given; equally by default, which with
                ``limit`` 1 is the AUROC.

        Returns:
            the area in [0, 1].
        """
        gained = gained_area(self._above / self._n_outside, self._from / self._n_outside, limit)
        counted = np.full(gained.size, 1 / gained.size) if weights is None else weights[self._order] / weights.sum()
        return float(gained @ counted / limit)

    def average_precision(self) -> float:
        """Precision at each step of recall, weighted by the step, as
        :py:func:`imgae_monai.metrics.compute_average_precision`.
        """
        return float(np.mean(self._inside_from / (self._inside_from + self._from)))

    def best_dice(self) -> tuple[float, float]:
        """The highest Dice over all decisions "score >= t", and its t."""
        dice = 2 * self._inside_from / (self._inside_from + self._from + self._scores.size)
        best = int(np.argmax(dice))
        return float(dice[best]), float(self._scores[best])


def gained_area(above: NDArray[Any], up_to: NDArray[Any], limit: float) -> NDArray[Any]:
    """Area under a step of height 1 that rises linearly from one false-positive rate to another, cut at ``limit``.

    Args:
        above: rates where the steps begin: the share of others with a higher score.
        up_to: rates where they end: the share of others with a score at least as high.
        limit: highest rate.

    Returns:
        one area a step.

    Example:
        >>> gained_area(np.array([0.0, 0.1, 0.2]), np.array([0.0, 0.1, 0.4]), 0.3).round(3).tolist()
        [0.3, 0.2, 0.025]
    """
    start, end = np.minimum(above, limit), np.minimum(up_to, limit)
    rise = up_to - above
    height = np.divide(end - start, rise, out=np.ones(np.shape(rise)), where=rise > 0)  # reached where it is cut
    return height * (end - start) / 2 + (limit - end) * np.where(start < limit, 1.0, 0.0)
