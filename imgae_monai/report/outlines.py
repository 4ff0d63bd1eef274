"""Outlines of known regions on an image that the network sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.data.regions import truth_mask


def outlines(
    regions: Mapping[str, Any], shape: Sequence[int], geometry: Callable[[torch.Tensor], torch.Tensor]
) -> list[list[tuple[float, float]]]:
    """Bring boxes and the mask of an image to the network's pixels, through the image's own geometry.

    Args:
        regions: ``boxes`` and ``mask``, as :py:func:`imgae_monai.data.truth_mask` takes them.
        shape: (H, W) of the image's file.
        geometry: as there.

    Returns:
        closed lines of (x, y) in pixels, 0 at the left and upper edge: four corners of each box, the contours of the
        mask. What the crop cut off is left out.

    Raises:
        InputError: when the mask can't be read or is not of the image's shape.
    """
    lines = []
    for box in regions.get("boxes") or []:
        covered = truth_mask({"boxes": [box]}, shape, geometry)
        if covered.any():
            lines.append(_corners(covered))
    if regions.get("mask"):
        lines += _contours(truth_mask({"mask": regions["mask"]}, shape, geometry))
    return lines


def _corners(covered: NDArray[np.bool_]) -> list[tuple[float, float]]:
    rows, columns = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return [(float(x), float(y)) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def _contours(covered: NDArray[np.bool_]) -> list[list[tuple[float, float]]]:
    from skimage.measure import find_contours

    # a margin closes the contour of what touches the edge; find_contours counts from the pixels' centres
    padded = np.pad(covered.astype(np.float64), 1)
    return [[(float(x) - 0.5, float(y) - 0.5) for y, x in contour[:-1]] for contour in find_contours(padded, 0.5)]
