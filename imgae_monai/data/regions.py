"""Where on an image the abnormal is known to be: boxes and masks, of data lists and as a truth mask.

Regions are looked up by an image's path and never travel in a batch: images have boxes in different numbers, which no
collation takes, and the network must not see them. Fingerprints don't cover them, as no training does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.data.image_reader import read_image
from imgae_monai.data.image_reference import split_reference
from imgae_monai.exceptions import InputError

MASK_SUFFIXES = (".png", ".bmp", ".nii", ".nii.gz")  # a JPEG's zeros are none after its compression


def check_regions(item: dict[str, Any], where: str) -> None:
    """Refuse ``boxes`` or a ``mask`` of a data list's item that can't be meant.

    Args:
        item: ``boxes``, if any, dicts with ``box`` ``[x, y, width, height]`` as shares of the image's width and height,
            and maybe ``finding``; ``mask``, if any, the path of a lossless image of the same size, not 0 where the
            image is abnormal.
        where: what an error calls the item.

    Raises:
        InputError: when boxes are of another form, reach out of the image, or stand on a normal image, or the mask is
            no path of such a file.
    """
    boxes = item.get("boxes") or []
    if not isinstance(boxes, list):
        raise InputError(f"{where}: boxes must be a list, got {boxes!r}")
    for box in boxes:
        shares = box.get("box") if isinstance(box, dict) else None
        if not _is_box(shares):
            raise InputError(
                f"{where}: a box must be {{'box': [x, y, width, height], 'finding': ...}} as shares of the image's "
                f"width and height, from 0 to 1, got {box!r}; divide pixels by the image's size"
            )
    if boxes and item["label"] == 0:
        raise InputError(f"{where}: a normal image (label 0) with {len(boxes)} box(es) of something abnormal; mend one")
    mask = item.get("mask")
    if mask is not None and not (
        isinstance(mask, str) and split_reference(mask)[0].name.lower().endswith(MASK_SUFFIXES)
    ):
        raise InputError(f"{where}: mask must be the path of a lossless image {list(MASK_SUFFIXES)}, got {mask!r}")


def _is_box(shares: Any) -> bool:
    if not isinstance(shares, (list, tuple)) or len(shares) != 4:
        return False
    if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in shares):
        return False
    x, y, w, h = shares
    return 0 <= x < 1 and 0 <= y < 1 and 0 < w <= 1 and 0 < h <= 1


def regions_of(items: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By path of an image the regions that its item has: ``boxes`` and ``mask``; images without any are left out."""
    found = {}
    for item in items:
        own = {key: item[key] for key in ("boxes", "mask") if item.get(key)}
        if own:
            found[item["image"]] = own
    return found


def boxes_in_pixels(boxes: Sequence[dict[str, Any]], shape: Sequence[int]) -> list[dict[str, Any]]:
    """Boxes given as shares, as pixels of an image.

    Args:
        boxes: dicts with ``box`` ``[x, y, width, height]`` as shares, and ``finding``.
        shape: (height, width) of the image's file in pixels.

    Returns:
        the same dicts with ``box`` in pixels, not rounded.

    Example:
        >>> boxes_in_pixels([{"finding": "Mass", "box": [0.5, 0.25, 0.125, 0.5]}], (224, 448))
        [{'finding': 'Mass', 'box': [224.0, 56.0, 56.0, 112.0]}]
    """
    height, width = shape
    sizes = (width, height, width, height)
    return [{**box, "box": [v * size for v, size in zip(box["box"], sizes, strict=True)]} for box in boxes]


def truth_mask(
    regions: dict[str, Any], shape: Sequence[int], geometry: Callable[[torch.Tensor], torch.Tensor]
) -> NDArray[np.bool_]:
    """Where an image is abnormal, in the pixels of the network's input.

    Boxes (cut off at the image's edges) and mask are drawn at the size of the image's file (together, where it has
    both) and then brought through the very transform that the image goes through; a pixel counts where at least half of
    it is covered.

    Args:
        regions: ``boxes`` as shares of the image, or ``mask`` (path of an image, or reference into a volume), or both.
        shape: (H, W) of the image's file in pixels, or (H, W, D), for which only a mask will do.
        geometry: the image's own :py:class:`imgae_monai.transforms.ResizeKeepAspect`.

    Returns:
        bool of the shape that ``geometry`` makes. It is empty (all False) where the crop cut the region off or the
        region is smaller than half a pixel.

    Raises:
        InputError: when the mask can't be read or is not of the image's shape.
    """
    drawn = np.zeros(tuple(shape), dtype=np.float32)
    if regions.get("boxes"):
        if len(shape) != 2:
            raise InputError(f"boxes are of 2-D images, got one of shape {tuple(shape)}: give a mask")
        for box in boxes_in_pixels(regions["boxes"], shape):
            x, y, w, h = box["box"]
            drawn[_pixels(y, h, shape[0]), _pixels(x, w, shape[1])] = 1
    if regions.get("mask"):
        mask = read_mask(regions["mask"])
        if mask.shape != drawn.shape:
            raise InputError(f"the mask {regions['mask']} is of shape {mask.shape}, its image of {drawn.shape}")
        drawn[mask] = 1
    moved = geometry(torch.from_numpy(drawn)[None])[0]
    return np.asarray(moved) >= 0.5


def truth_masks(
    regions: dict[str, dict[str, Any]], geometry: Callable[[torch.Tensor], torch.Tensor]
) -> dict[str, NDArray[np.bool_]]:
    """The truth masks of a split's images, each read once more for its size.

    Args:
        regions: by path of an image, as :py:meth:`imgae_monai.data.Datalist.regions` gives them.
        geometry: as :py:func:`truth_mask`.

    Returns:
        by path of an image bool of the shape that ``geometry`` makes; images that :py:func:`truth_mask` leaves empty
        (cut off by the crop) are in it.

    Raises:
        InputError: when an image or a mask can't be read, or they are of different shapes.
    """
    return {path: truth_mask(own, read_image(path).shape, geometry) for path, own in regions.items()}


def _pixels(start: float, length: float, size: int) -> slice:
    first = min(round(start), size - 1)
    return slice(first, max(first + 1, min(round(start + length), size)))


def read_mask(path: str) -> NDArray[np.bool_]:
    """Read a mask: True where its value is not 0.

    Args:
        path: file, or reference into a volume; only of a lossless type.

    Returns:
        bool (H, W) or (H, W, D), rows first, as :py:func:`imgae_monai.data.read_image` lays the image out.

    Raises:
        InputError: when it can't be read or its type loses values.
    """
    if not split_reference(Path(path))[0].name.lower().endswith(MASK_SUFFIXES):
        raise InputError(f"cannot use {path} as a mask: expected a lossless image {list(MASK_SUFFIXES)}")
    return read_image(path, "full") > 0
