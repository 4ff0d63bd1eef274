"""Which patient an image is of: the unit that every interval here is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def patient_index(patient_ids: Sequence[Any] | NDArray[Any], n: int) -> NDArray[np.intp]:
    """Number the patients in sorted order, so that the order of the rows doesn't change a draw or a sum.

    Args:
        patient_ids: (n,), strings or integers; 1 and "1" are the same patient.
        n: number of scores.

    Returns:
        (n,), from 0 to the number of patients less 1.

    Raises:
        ValueError: an id is missing (None, empty, NaN), or the lengths differ.
    """
    ids = list(patient_ids)
    if len(ids) != n:
        raise ValueError(f"patient_ids must have one entry per score; got {len(ids)} for {n} scores")
    missing = [i for i, patient in enumerate(ids) if patient is None or patient == "" or patient != patient]
    if missing:
        raise ValueError(f"patient_ids must not be missing; got {ids[missing[0]]!r} at index {missing[:10]}")
    return np.unique(np.asarray([str(patient) for patient in ids]), return_inverse=True)[1]
