"""Patches of an image hidden, to be filled in by a network that restores."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor, look_up_option


class RandMaskPatches(RandomizableTransform):
    """Hide a share of the cells of a grid over the image.

    MONAI's ``RandCoarseDropout`` puts holes anywhere: they overlap, and the hidden share is left to chance.

    Source: Zavrtanik et al., "Reconstruction by inpainting for visual anomaly detection" (RIAD), Pattern Recognition
    2021: a third of the cells, of 2, 4, 8 or 16 pixels, is set to zero. Masked autoencoders (He et al., CVPR 2022) hide
    three quarters of the cells of 16 pixels, of 14 x 14 cells: ``patch_sizes=[16], fraction=0.75``.

    Args:
        patch_sizes: sides of a cell in pixels, of which one is drawn an image; the last cell of an axis is cut where
            the image ends.
        fraction: share of the cells that is hidden, in (0, 1], rounded to whole cells (of one
            cell, where a cell is as large as the image, that may be none).
        fill: what a hidden cell shows: ``"constant"``, ``"mean"`` of the channel, or ``"noise"``, each pixel uniform
            between the channel's smallest and largest value.
        value: the constant, in [0, 1]; 0.5 is grey.
        prob: probability that an image is changed.

    Raises:
        ValueError: when ``fill`` is none of the three, or a number is out of bounds.

    Example:
        >>> RandMaskPatches(patch_sizes=[2], fraction=0.5).set_random_state(0)(torch.ones(1, 4, 4)).sum().item()
        8.0
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        patch_sizes: Sequence[int] = (2, 4, 8, 16),
        fraction: float = 1 / 3,
        fill: str = "constant",
        value: float = 0.0,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        if not patch_sizes or min(patch_sizes) < 1:
            raise ValueError(f"patch_sizes must be one or more numbers of at least 1 pixel, got {patch_sizes}")
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be in (0, 1], got {fraction}")
        if not 0 <= value <= 1:
            raise ValueError(f"value must be in [0, 1], got {value}")
        self.patch_sizes = patch_sizes
        self.fraction = fraction
        self.fill = look_up_option(fill, ["constant", "mean", "noise"])
        self.value = value
        self._hidden = torch.zeros((), dtype=torch.bool)
        self._noise = torch.zeros(())

    def randomize(self, data: Sequence[int]) -> None:
        """Draw which pixels of an image are hidden, and noise for them where that is asked for.

        Args:
            data: the image's shape (H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        side = int(self.patch_sizes[self.R.randint(len(self.patch_sizes))])
        cells = [math.ceil(size / side) for size in data]
        n_cells = math.prod(cells)
        hidden = torch.zeros(n_cells, dtype=torch.bool)
        hidden[torch.from_numpy(self.R.permutation(n_cells)[: round(self.fraction * n_cells)])] = True
        hidden = hidden.reshape(cells)
        for axis in range(len(cells)):
            hidden = hidden.repeat_interleave(side, dim=axis)
        self._hidden = hidden[tuple(slice(size) for size in data)]
        if self.fill == "noise":
            self._noise = torch.from_numpy(self.R.random_sample(tuple(data)).astype(np.float32))

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """
        Args:
            img: image of shape (C, H, W[, D]), float, values in [0, 1]; it stays as it is.
            randomize: whether to draw anew, or to use what was drawn last.

        Returns:
            the same shape and type, values in [0, 1].
        """
        if randomize:
            self.randomize(img.shape[1:])
        if not self._do_transform:
            return img
        plain = convert_to_tensor(img, track_meta=False)
        return convert_to_dst_type(torch.where(self._hidden.to(plain.device), self._filling(plain), plain), img)[0]

    def _filling(self, plain: torch.Tensor) -> torch.Tensor:
        if self.fill == "constant":
            return plain.new_tensor(self.value)
        axes = tuple(range(1, plain.ndim))
        if self.fill == "mean":
            return plain.mean(dim=axes, keepdim=True)
        low, high = plain.amin(dim=axes, keepdim=True), plain.amax(dim=axes, keepdim=True)
        return low + (high - low) * self._noise.to(plain)


class RandMaskPatchesd(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandMaskPatches`; all keys, of one size, are hidden at the same places.

    Args:
        keys: keys of the images.
        patch_sizes: as there.
        fraction: as there.
        fill: as there.
        value: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RandMaskPatches.backend

    def __init__(
        self,
        keys: KeysCollection = "corrupted",
        patch_sizes: Sequence[int] = (2, 4, 8, 16),
        fraction: float = 1 / 3,
        fill: str = "constant",
        value: float = 0.0,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.corrupter = RandMaskPatches(patch_sizes, fraction, fill, value, prob)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandMaskPatchesd:
        super().set_random_state(seed, state)
        self.corrupter.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for i, key in enumerate(self.key_iterator(d)):
            d[key] = self.corrupter(d[key], randomize=i == 0)
        return d


RandMaskPatchesD = RandMaskPatchesDict = RandMaskPatchesd
