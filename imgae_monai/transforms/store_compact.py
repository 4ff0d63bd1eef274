"""Keep images of [0, 1] in a cache with fewer bytes than float32 takes, and bring them back.

8-bit radiographs come in 256 steps: one byte holds them exactly as long as nothing was resampled. After resampling a
half-precision number keeps eight times finer steps than the source had. Four bytes a pixel buy nothing but a smaller
cache.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTrait, Transform
from monai.utils import TransformBackends, convert_to_tensor, look_up_option

_STEPS = 255
_EXACT = 1e-5  # of one step: what float32 rounding leaves of a whole number


class StoreCompact(Transform):
    """Convert an image of [0, 1] to the type in which it is to be cached; plain tensors only, metadata are dropped.

    Args:
        dtype: ``"float32"`` as it is, ``"float16"`` (error at most 2.5e-4, a sixteenth of an 8-bit step), ``"uint8"``
            (255 steps, error at most 2e-3), or ``"auto"``: ``uint8`` where that is exact, else ``float16``.

    Raises:
        ValueError: when ``dtype`` is unknown.

    Example:
        >>> StoreCompact()(torch.tensor([[[0.0, 0.2, 1.0]]])).dtype, StoreCompact()(torch.tensor([[[0.123]]])).dtype
        (torch.uint8, torch.float16)
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, dtype: str = "auto") -> None:
        self.dtype = look_up_option(dtype, ["auto", "float32", "float16", "uint8"])

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: image of any shape, float, values in [0, 1]; what a resampling overshoots by rounding is cut.

        Returns:
            the same shape, in the chosen type.
        """
        plain = convert_to_tensor(img, track_meta=False, dtype=torch.float32)
        if self.dtype == "float32":
            return plain
        steps = plain.clamp(0, 1) * _STEPS
        whole = steps.round()
        if self.dtype == "uint8" or (self.dtype == "auto" and bool((steps - whole).abs().max() <= _EXACT * _STEPS)):
            return whole.to(torch.uint8)
        return plain.to(torch.float16)


class RestoreUnit(Transform, RandomizableTrait):
    """Bring what :py:class:`StoreCompact` made back to float32 in [0, 1].

    Nothing is random here. MONAI's caches end at the first transform with ``RandomizableTrait``, and this is where they
    have to end.

    Example:
        >>> RestoreUnit()(torch.tensor([[[0, 51, 255]]], dtype=torch.uint8))
        tensor([[[0.0000, 0.2000, 1.0000]]])
    """

    backend = [TransformBackends.TORCH]

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: uint8 (divided by 255) or floating point, any shape.

        Returns:
            float32, the same shape, a copy: what is in the cache stays as it is.
        """
        values = img.to(torch.float32, copy=True)
        return values / _STEPS if img.dtype == torch.uint8 else values


class StoreCompactd(MapTransform):
    """Dictionary version of :py:class:`StoreCompact`.

    Args:
        keys: keys of the images.
        dtype: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = StoreCompact.backend

    def __init__(self, keys: KeysCollection, dtype: str = "auto", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.converter = StoreCompact(dtype)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.converter(d[key])
        return d


class RestoreUnitd(MapTransform, RandomizableTrait):
    """Dictionary version of :py:class:`RestoreUnit`.

    Args:
        keys: keys of the images.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RestoreUnit.backend

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.converter = RestoreUnit()

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.converter(d[key])
        return d


StoreCompactD = StoreCompactDict = StoreCompactd
RestoreUnitD = RestoreUnitDict = RestoreUnitd
