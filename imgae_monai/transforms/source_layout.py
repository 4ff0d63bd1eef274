"""Axes of a map in the order in which the image came."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ImageMetaKey, convert_to_tensor

from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.nifti_reader import canonical_affine, canonical_volume, is_nifti
from imgae_monai.transforms.load_grayscale import SOURCE_AXES


class SourceLayoutd(MapTransform):
    """Turn maps of an image, rows first here, so that other programs put them on it.

    - Of a NIfTI file: in canonical order, with the file's own space as the affine, (1, X, Y, Z).
    - Of any other file: x first, (1, W, H, 1). MONAI's readers have x first, and what MONAI Label writes turns it back;
      it takes the channel away of what has three axes beside it, and of nothing else.
    - Of grey values in memory, their own order: (1, H, W), or (1, W, H, 1) where they had a last axis of 1. That is
      what MONAI Deploy turns back.

    Args:
        keys: keys of the maps, (1, H, W[, D]), of the image's own size.
        image_key: key of the image as :py:class:`imgae_monai.transforms.LoadGrayscaled` loaded it.
        allow_missing_keys: don't raise when a key is missing.

    Example:
        >>> picture = MetaTensor(torch.zeros(1, 2, 3), meta={"filename_or_obj": "a.png"})
        >>> SourceLayoutd("mask")({"image": picture, "mask": torch.zeros(1, 2, 3)})["mask"].shape
        torch.Size([1, 3, 2, 1])
    """

    def __init__(self, keys: KeysCollection, image_key: str = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        image = d[self.image_key]
        meta = image.meta if isinstance(image, MetaTensor) else {}
        for key in self.key_iterator(d):
            d[key] = _as_source(convert_to_tensor(d[key], track_meta=False), meta)
        return d


def _as_source(img: torch.Tensor, meta: Mapping) -> torch.Tensor:
    if meta.get(SOURCE_AXES) == 2:
        return img
    if SOURCE_AXES not in meta:
        path, fragment = split_reference(str(meta[ImageMetaKey.FILENAME_OR_OBJ]))
        if is_nifti(path) and not fragment:
            return _canonical(img, path)
    return img.swapaxes(1, 2).reshape(1, img.shape[2], img.shape[1], -1).contiguous()


def _canonical(img: torch.Tensor, path: Path) -> torch.Tensor:
    voxels = np.ascontiguousarray(canonical_volume(img[0].cpu().numpy(), path))
    return MetaTensor(torch.from_numpy(voxels)[None], affine=torch.from_numpy(canonical_affine(path)))


SourceLayoutD = SourceLayoutDict = SourceLayoutd
