"""Turn volumes into 2-D slices, one item each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.nifti_reader import AXES, is_nifti, nifti_shape
from imgae_monai.exceptions import InputError


def expand_volumes(
    items: Sequence[dict[str, Any]], slice_axis: int | None = None, slice_fraction: float = 1.0
) -> list[dict[str, Any]]:
    """Replace every item whose image is a whole NIfTI file by one item a slice.

    All slices of a volume have its patient; where that is not known, the volume's path, so that no split can part them.

    Args:
        items: dicts with ``image``, and ``patient_id`` where it is known.
        slice_axis: 0 (sagittal), 1 (coronal) or 2 (axial), see :py:mod:`imgae_monai.data.nifti_reader`; None leaves
            volumes whole.
        slice_fraction: share of the slices to keep, around the middle, in (0, 1]; at least one.

    Returns:
        a new list in the same order, slices by index, each with its slice of the volume's ``mask`` where there is one;
        every other item as it is.

    Raises:
        InputError: when an argument is out of range, a volume's header can't be read, or it has boxes.
    """
    if slice_axis not in (None, 0, 1, 2) or isinstance(slice_axis, bool):
        names = ", ".join(f"{axis} ({name})" for axis, name in enumerate(AXES))
        raise InputError(f"slice_axis must be {names} or null, got {slice_axis!r}")
    if not 0 < slice_fraction <= 1:
        raise InputError(f"slice_fraction must be in (0, 1], got {slice_fraction}")
    if slice_axis is None:
        return [dict(item) for item in items]
    return [slice_ for item in items for slice_ in _slices(item, slice_axis, slice_fraction)]


def volume_of(image: str) -> str:
    """The NIfTI file that an image is, or is a slice of; ``""`` for any other image.

    Example:
        >>> volume_of("a.nii.gz#2/40"), volume_of("x.npy#17")
        ('a.nii.gz', '')
    """
    path = split_reference(image)[0]
    return str(path) if is_nifti(path) else ""


def _slices(item: dict[str, Any], axis: int, fraction: float) -> list[dict[str, Any]]:
    path, fragment = split_reference(item["image"])
    if fragment or not is_nifti(path):
        return [dict(item)]
    n_slices = nifti_shape(path)[axis]
    n_kept = max(1, round(fraction * n_slices))
    first = (n_slices - n_kept) // 2
    patient = {"patient_id": item.get("patient_id") or str(item["image"])}
    if item.get("boxes"):
        raise InputError(f"{item['image']} has boxes, which say nothing of its slices: give a mask of the volume")
    keys = [key for key in ("image", "mask") if item.get(key)]  # a volume's mask is sliced as the volume
    return [
        {**item, **patient, **{key: f"{item[key]}#{axis}/{index}" for key in keys}}
        for index in range(first, first + n_kept)
    ]
