"""Which images of an evaluation a report shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclasses.dataclass(frozen=True)
class Choice:
    """A group of images to be shown.

    Args:
        title: of the group.
        rows: positions in the evaluation, in the order to be shown.
    """

    title: str
    rows: tuple[int, ...]


def choose_images(
    labels: ArrayLike, scores: ArrayLike, annotated: Sequence[int] = (), n_examples: int = 4
) -> list[Choice]:
    """The most and the least abnormal by score, the wrongest of either class, and annotated images.

    They are extremes, no sample: what they look like says nothing of how often it is so. Ties are broken by position.

    Args:
        labels: (n,), 0 normal and 1 abnormal.
        scores: (n,), higher is more abnormal.
        annotated: positions of images with a known region; evenly spaced ones in the order of their scores are taken.
        n_examples: images a group, at least 1.

    Returns:
        groups that have an image.

    Example:
        >>> [choice.rows for choice in choose_images([0, 1, 0, 1], [0.1, 0.2, 0.7, 0.9], n_examples=1)]
        [(3,), (0,), (2,), (1,)]
    """
    abnormal = np.asarray(labels) == 1
    values = np.asarray(scores, dtype=np.float64)
    rising = np.argsort(values, kind="stable")
    falling = np.argsort(-values, kind="stable")
    with_regions = rising[np.isin(rising, np.asarray(annotated, dtype=int))]
    groups = (
        ("Highest scores", falling),
        ("Lowest scores", rising),
        ("Wrongest normal images: the highest scores of normal images", falling[~abnormal[falling]]),
        ("Wrongest abnormal images: the lowest scores of abnormal images", rising[abnormal[rising]]),
        ("Annotated images, from the lowest score to the highest", _spaced(with_regions, n_examples)),
    )
    return [Choice(title, tuple(int(row) for row in rows[:n_examples])) for title, rows in groups if len(rows)]


def _spaced(rows: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    if len(rows) <= n:
        return rows
    return rows[np.linspace(0, len(rows) - 1, n).round().astype(int)]
