"""What differs between two images of the same patient that are both normal."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import Affine, GaussianSmooth, MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor
from torch.nn import functional as F

_LEAST_BLUR = 0.3  # pixels: a narrower Gaussian has no weight beside its middle


class RandAcquisition(RandomizableTransform):
    """Take an image as another device, exposure and positioning might have given it.

    Position (a turn, a shift and a zoom, with edges repeated), exposure (a power of the values), sharpness (a Gaussian)
    and noise of every pixel. None of these is an anomaly, though a detector may answer to each: a Gaussian of features
    that is fitted to such copies too gives these directions the width that they have, and a choice among detectors that
    is made on such copies does not reward one for noticing them.

    Not a chain of MONAI's random transforms: blur is a share of the image's size, which differs from file to file,
    edges are repeated when it is blurred, and an image is either changed in all of these or in none.

    Apply it before an image is made smaller: interpolation blurs, and what is blurred before is hardly seen after.

    Args:
        rotation: largest turn in degrees, around the middle; in 3D about every axis.
        translation: largest shift along each axis, as a share of it.
        zoom: largest change of scale along each axis.
        gamma: values are raised to a power from 1 / (1 + gamma) to 1 + gamma, evenly in its logarithm.
        blur: largest standard deviation of the Gaussian, as a share of the image's first axis.
        noise: largest standard deviation of the noise, in units of the image.
        prob: probability that an image is changed.

    Raises:
        ValueError: when a number is negative.

    Example:
        >>> vary = RandAcquisition().set_random_state(0)
        >>> vary(torch.rand(1, 32, 32)).shape
        torch.Size([1, 32, 32])
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        rotation: float = 5.0,
        translation: float = 0.05,
        zoom: float = 0.05,
        gamma: float = 0.2,
        blur: float = 0.005,
        noise: float = 0.01,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        numbers = {"rotation": rotation, "translation": translation, "zoom": zoom}
        for name, number in (numbers | {"gamma": gamma, "blur": blur, "noise": noise}).items():
            if number < 0:
                raise ValueError(f"{name} must not be negative, got {number}")
        self.rotation = rotation
        self.translation = translation
        self.zoom = zoom
        self.gamma = gamma
        self.blur = blur
        self.noise = noise
        self._affine: Affine | None = None
        self._power, self._sigma = 1.0, 0.0
        self._noise = torch.zeros(())

    def randomize(self, data: Sequence[int]) -> None:
        """Draw what becomes of an image.

        Args:
            data: its shape (C, H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        size = data[1:]
        turns = self.R.uniform(-1, 1, 1 if len(size) == 2 else 3) * math.radians(self.rotation)
        shifts = self.R.uniform(-1, 1, len(size)) * self.translation * np.array(size)
        scales = 1 + self.R.uniform(-1, 1, len(size)) * self.zoom
        self._affine = Affine(
            turns.tolist(), None, shifts.tolist(), scales.tolist(), padding_mode="border", image_only=True
        )
        self._power = float(np.exp(self.R.uniform(-1, 1) * math.log1p(self.gamma)))
        self._sigma = self.R.uniform(0, self.blur) * size[0]
        noise = self.R.uniform(0, self.noise) * self.R.normal(size=tuple(data))
        self._noise = torch.from_numpy(noise.astype(np.float32))

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """
        Args:
            img: image of shape (C, H, W[, D]), float, values in [0, 1]; it stays as it is.
            randomize: whether to draw anew, or to use what was drawn last.

        Returns:
            the same shape and type, values in [0, 1].
        """
        if randomize:
            self.randomize(img.shape)
        if not self._do_transform or self._affine is None:
            return img
        plain = convert_to_tensor(img, track_meta=False, dtype=torch.float32)
        out = convert_to_tensor(self._affine(plain), track_meta=False)
        out = out.clamp(0, 1) ** self._power
        if self._sigma > _LEAST_BLUR:
            out = _blurred(out, self._sigma)
        return convert_to_dst_type((out + self._noise.to(out.device)).clamp(0, 1), img)[0]


def _blurred(img: torch.Tensor, sigma: float) -> torch.Tensor:
    """With edges repeated: MONAI's transform takes what is outside for black."""
    width, axes = math.ceil(4 * sigma) + 1, img.ndim - 1  # its Gaussian ends at 4 standard deviations
    padded = F.pad(img[None], (width, width) * axes, mode="replicate")[0]
    out = convert_to_tensor(GaussianSmooth(sigma)(padded), track_meta=False)
    inside = (slice(None), *[slice(width, -width)] * axes)
    return out[inside]


class RandAcquisitiond(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandAcquisition`; all keys, of one shape, are changed in the same way.

    Args:
        keys: keys of the images.
        rotation: as there.
        translation: as there.
        zoom: as there.
        gamma: as there.
        blur: as there.
        noise: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RandAcquisition.backend

    def __init__(
        self,
        keys: KeysCollection,
        rotation: float = 5.0,
        translation: float = 0.05,
        zoom: float = 0.05,
        gamma: float = 0.2,
        blur: float = 0.005,
        noise: float = 0.01,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.vary = RandAcquisition(rotation, translation, zoom, gamma, blur, noise, prob)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandAcquisitiond:
        super().set_random_state(seed, state)
        self.vary.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for i, key in enumerate(self.key_iterator(d)):
            d[key] = self.vary(d[key], randomize=i == 0)
        return d


RandAcquisitionD = RandAcquisitionDict = RandAcquisitiond
