"""A piece of an image at another place of it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data.utils import get_random_patch
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor


class RandCutPaste(RandomizableTransform):
    """Cut a box out of an image, change its brightness and contrast a little, and paste it elsewhere.

    Source: Li et al., "CutPaste: self-supervised learning for anomaly detection and localization", CVPR 2021: 2 to 15 %
    of the area, sides of 0.3 to 3.3 to one, jitter 0.1, both places uniform; as in common code the ratio of the sides
    is drawn by its logarithm. Of the colour jitter, brightness and contrast are what a grey image has. Here a network
    is to restore what was there, where the paper has it tell pasted from untouched.

    Args:
        area: smallest and largest share of the image (of the volume in three dimensions), in (0, 1].
        aspect: smallest and largest length of the first axis to that of another one.
        jitter: brightness and contrast of the piece are multiplied by 1 - jitter to 1 + jitter each.
        prob: probability that an image is changed.

    Raises:
        ValueError: when a range is out of bounds or its ends are in the wrong order, or ``jitter`` is not in [0, 1].

    Example:
        >>> image = torch.linspace(0, 1, 64).reshape(1, 8, 8)
        >>> bool((RandCutPaste().set_random_state(0)(image) != image).any())
        True
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        area: Sequence[float] = (0.02, 0.15),
        aspect: Sequence[float] = (0.3, 1 / 0.3),
        jitter: float = 0.1,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        if not 0 < area[0] <= area[1] <= 1:
            raise ValueError(f"area must be two shares of (0, 1], the smaller one first, got {area}")
        if not 0 < aspect[0] <= aspect[1]:
            raise ValueError(f"aspect must be two positive numbers, the smaller one first, got {aspect}")
        if not 0 <= jitter <= 1:
            raise ValueError(f"jitter must be in [0, 1], got {jitter}")
        self.area = area
        self.aspect = aspect
        self.jitter = jitter
        self._source: tuple[slice, ...] = ()
        self._target: tuple[slice, ...] = ()
        self._brightness = self._contrast = 1.0

    def randomize(self, data: Sequence[int]) -> None:
        """Draw the box of an image, its two places and its change.

        Args:
            data: the image's shape (H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        share = self.R.uniform(self.area[0], self.area[1])
        others = self.R.uniform(math.log(self.aspect[0]), math.log(self.aspect[1]), len(data) - 1)
        logs = np.array([0.0, *-others])  # of the sides, the first one taken as 1
        sides = np.exp(logs - logs.mean()) * (share * math.prod(data)) ** (1 / len(data))
        box = [min(max(round(float(side)), 1), size) for side, size in zip(sides, data, strict=True)]
        self._source = (slice(None), *get_random_patch(data, box, self.R))
        self._target = (slice(None), *get_random_patch(data, box, self.R))
        self._brightness, self._contrast = self.R.uniform(1 - self.jitter, 1 + self.jitter, 2).tolist()

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
        out = convert_to_tensor(img, track_meta=False).clone()
        piece = (out[self._source] * self._brightness).clamp(0, 1)
        out[self._target] = (piece * self._contrast + piece.mean() * (1 - self._contrast)).clamp(0, 1)
        return convert_to_dst_type(out, img)[0]


class RandCutPasted(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandCutPaste`; all keys, of one size, are cut at the same place.

    Args:
        keys: keys of the images.
        area: as there.
        aspect: as there.
        jitter: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RandCutPaste.backend

    def __init__(
        self,
        keys: KeysCollection = "corrupted",
        area: Sequence[float] = (0.02, 0.15),
        aspect: Sequence[float] = (0.3, 1 / 0.3),
        jitter: float = 0.1,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.corrupter = RandCutPaste(area, aspect, jitter, prob)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandCutPasted:
        super().set_random_state(seed, state)
        self.corrupter.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for i, key in enumerate(self.key_iterator(d)):
            d[key] = self.corrupter(d[key], randomize=i == 0)
        return d


RandCutPasteD = RandCutPasteDict = RandCutPasted
