"""Where, and how much, another image of the batch shines through."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type


class RandForeignWeight(RandomizableTransform):
    """Draw the weight of a foreign image at each pixel: one number in a box, 0 outside.

    Source: foreign patch interpolation, Tan et al., "Detecting outliers with foreign patch interpolation", 2020
    (arXiv:2011.04197), and their code: the box's centre lies in the middle 80 % of each axis, its half side is 5 to
    20 % of the image's first axis, what sticks out is cut off; the weight is 0.05 to 0.95. Positions and sides are
    uniform.

    Only the weight is drawn here, since a transform sees one image. :py:func:`imgae_monai.engines.prepare_restoration`
    then blends each image of a batch with its neighbour there. A pool of images seen before, held by the transform,
    would have to be saved with each resume point, would differ with the number of workers and start anew in each of
    them; drawing a second image from the data set would decode it twice where nothing is cached, and a stream has none.
    A shuffled batch has a random neighbour at hand, and draws nothing further.

    Args:
        half_width: smallest and largest half side of the box, as a share of the image's first axis, in (0, 1].
        weight: smallest and largest weight of the foreign image, in [0, 1].
        core: share of each axis, in its middle, in which the box's centre lies, in (0, 1].
        prob: probability that the weights are not all 0.

    Raises:
        ValueError: when a number is out of bounds or a range's ends are in the wrong order.

    Example:
        >>> weight = RandForeignWeight(weight=(0.5, 0.5)).set_random_state(0)(torch.zeros(3, 16, 16))
        >>> weight.shape, weight.unique()
        (torch.Size([1, 16, 16]), tensor([0.0000, 0.5000]))
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        half_width: Sequence[float] = (0.05, 0.2),
        weight: Sequence[float] = (0.05, 0.95),
        core: float = 0.8,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        if not 0 < half_width[0] <= half_width[1] <= 1:
            raise ValueError(f"half_width must be two shares of (0, 1], the smaller one first, got {half_width}")
        if not 0 <= weight[0] <= weight[1] <= 1:
            raise ValueError(f"weight must be two numbers of [0, 1], the smaller one first, got {weight}")
        if not 0 < core <= 1:
            raise ValueError(f"core must be in (0, 1], got {core}")
        self.half_width = half_width
        self.weight = weight
        self.core = core
        self._box: tuple[slice, ...] = ()
        self._value = 0.0

    def randomize(self, data: Sequence[int]) -> None:
        """Draw box and weight.

        Args:
            data: the image's shape (H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        low, high = (max(1, round(share * data[0])) for share in self.half_width)
        half = int(self.R.randint(low, high + 1))
        margins = [(1 - self.core) / 2 * size for size in data]
        centers = [int(self.R.uniform(m, size - m)) for m, size in zip(margins, data, strict=True)]
        self._box = (slice(None), *(slice(max(0, c - half), c + half) for c in centers))
        self._value = self.R.uniform(self.weight[0], self.weight[1])

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """
        Args:
            img: image of shape (C, H, W[, D]), of which only the shape is looked at.
            randomize: whether to draw anew, or to use what was drawn last.

        Returns:
            shape (1, H, W[, D]), float32, values in [0, 1]; a ``MetaTensor`` where the image is one.
        """
        if randomize:
            self.randomize(img.shape[1:])
        out = torch.zeros((1, *img.shape[1:]))
        if self._do_transform:
            out[self._box] = self._value
        return convert_to_dst_type(out, img, dtype=torch.float32)[0]


class RandForeignWeightd(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandForeignWeight`.

    Args:
        keys: key of the image.
        output_key: key under which the weights are put.
        half_width: as there.
        weight: as there.
        core: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.

    Raises:
        ValueError: when ``keys`` names more than one image.
    """

    backend = RandForeignWeight.backend

    def __init__(
        self,
        keys: KeysCollection = "image",
        output_key: str = "foreign_weight",
        half_width: Sequence[float] = (0.05, 0.2),
        weight: Sequence[float] = (0.05, 0.95),
        core: float = 0.8,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one image, got {self.keys}")
        self.output_key = output_key
        self.weigher = RandForeignWeight(half_width, weight, core, prob)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> RandForeignWeightd:
        super().set_random_state(seed, state)
        self.weigher.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.weigher(d[key])
        return d


RandForeignWeightD = RandForeignWeightDict = RandForeignWeightd
