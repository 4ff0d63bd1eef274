"""Bring an image to the network's size without distorting it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import (
    TraceKeys,
    TransformBackends,
    convert_to_dst_type,
    convert_to_tensor,
    ensure_tuple,
    look_up_option,
)
from torch.nn.functional import interpolate, pad


class ResizeKeepAspect(InvertibleTransform):
    """Scale an image by one factor for all axes, then pad with zeros or crop, centred, to ``spatial_size``.

    MONAI's ``Resize(size_mode="longest")`` followed by ``ResizeWithPadOrCrop`` covers padding; cropping needs the
    shortest side, which it doesn't offer, and this transform is one invertible step for both.

    Args:
        spatial_size: size in pixels, one number for every axis or one an axis.
        method: ``"pad"`` shows the whole image inside ``spatial_size``, ``"crop"`` fills it and cuts what is over.

    Raises:
        ValueError: when ``method`` is neither of the two.

    Example:
        >>> ResizeKeepAspect(8, method="pad")(torch.ones(1, 4, 2)).sum(dim=(0, 1))
        tensor([0., 0., 8., 8., 8., 8., 0., 0.])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, spatial_size: Sequence[int] | int, method: str = "pad") -> None:
        self.spatial_size = spatial_size
        self.method = look_up_option(method, ["pad", "crop"])

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: shape (C, H, W[, D]).

        Returns:
            shape (C, *spatial_size).

        Raises:
            ValueError: when ``spatial_size`` has another number of axes than the image.
        """
        img = convert_to_tensor(img, track_meta=isinstance(img, MetaTensor))
        shape = tuple(img.shape[1:])
        size = ensure_tuple(self.spatial_size)
        size = size * len(shape) if len(size) == 1 else size
        if len(size) != len(shape):
            raise ValueError(f"spatial_size {size} has {len(size)} axes, the image has {len(shape)}: {shape}")
        ratios = [s / d for s, d in zip(size, shape, strict=True)]
        ratio = min(ratios) if self.method == "pad" else max(ratios)
        limit = min if self.method == "pad" else max
        scaled = [limit(max(1, round(d * ratio)), s) for d, s in zip(shape, size, strict=True)]
        plain = img.as_tensor() if isinstance(img, MetaTensor) else img
        out = _pad_or_crop(_interpolate(plain, scaled), size)
        if not isinstance(img, MetaTensor):
            return out
        tracked = MetaTensor(out, meta=img.meta, applied_operations=img.applied_operations)
        return self.push_transform(tracked, orig_size=shape, extra_info={"scaled": scaled})

    def inverse(self, img: torch.Tensor) -> torch.Tensor:
        """Bring an image or a map back to the original size (zeros where the crop had cut).

        Args:
            img: ``MetaTensor`` of shape (C, *spatial_size) with this transform as its last applied operation.

        Returns:
            shape (C, *original spatial shape).
        """
        info = self.pop_transform(img)
        scaled = info[TraceKeys.EXTRA_INFO]["scaled"]
        plain = convert_to_tensor(img, track_meta=False)
        return convert_to_dst_type(_interpolate(_pad_or_crop(plain, scaled), info[TraceKeys.ORIG_SIZE]), img)[0]


def _pad_or_crop(img: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Centred as MONAI's ``ResizeWithPadOrCrop``, whose crop, from even to odd, is a pixel beside where its pad was."""
    widths: list[int] = []
    for old, new in zip(reversed(img.shape[1:]), reversed(size), strict=True):
        before = int((new - old) / 2)  # towards zero, so that crop and pad undo each other
        widths += [before, new - old - before]
    return pad(img, widths)


def _interpolate(img: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if tuple(img.shape[1:]) == tuple(size):
        return img
    planar = img.ndim == 3
    mode = "bilinear" if planar else "trilinear"
    return interpolate(img[None].float(), size=tuple(size), mode=mode, align_corners=False, antialias=planar)[0]


class ResizeKeepAspectd(MapTransform, InvertibleTransform):
    """Dictionary version of :py:class:`ResizeKeepAspect`.

    Args:
        keys: keys of the images.
        spatial_size: as there.
        method: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = ResizeKeepAspect.backend

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: Sequence[int] | int,
        method: str = "pad",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.resizer = ResizeKeepAspect(spatial_size, method)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.resizer(d[key])
        return d

    def inverse(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.resizer.inverse(d[key])
        return d


ResizeKeepAspectD = ResizeKeepAspectDict = ResizeKeepAspectd
