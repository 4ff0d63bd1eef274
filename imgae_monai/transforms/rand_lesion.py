"""Regions of an image that look like disease, to restore it from, or to test a detector with where no labels are."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_numpy
from scipy.ndimage import gaussian_filter

_FULL_FOREGROUND = 0.1  # smoothed brightness from which on a region shows in full


class RandLesion(RandomizableTransform):
    """Make soft, irregular regions of an image brighter or darker, and take texture from them.

    These are no lesions, but they change what lesions of a chest X-ray change. (A detector that was trained to undo
    them is not to be tested or chosen by them: :py:mod:`imgae_monai.selection` leaves them out then.) Fluid in place of
    air is brighter and hides the vessels behind it, without a sharp border: an opacity; a small and round one is a
    nodule, a large and faint one a haze as of oedema; air in place of lung is dark and has no vessels.
    The words are those of Hansell et al., "Fleischner Society: glossary of terms for thoracic imaging", Radiology 246,
    2008. That a region is blended in with a soft mask follows AnatPaste (Sato et al., "Anatomy-aware self-supervised
    learning for anomaly detection in chest radiographs", iScience 26, 2023); unlike there, nothing is segmented, so
    that a region may lie anywhere in the image's middle.

    Where ``w`` is a region's weight, from 1 inside to 0 outside, the image goes the share ``w * texture_loss`` of the
    way to its Gaussian-smoothed self, and then ``w * amplitude`` of the way to white (negative: to black). So values
    stay in [0, 1] without being cut, and dark tissue is brightened more than bright tissue, as overlapping shadows are.

    Args:
        radius: smallest and largest mean radius of a region, as a share of the image's first axis, in (0, 1].
        amplitude: smallest and largest share of the way to white, or, negative, to black, in [-1, 1].
        texture_loss: smallest and largest share of the way to the smoothed image, in [0, 1].
        number: smallest and largest number of regions.
        aspect: largest length of one half axis of a region to that of another one, at least 1.
        irregularity: standard deviation by which the border leaves the ellipse, in radii.
        softness: way over which the weight falls from 0.73 to 0.27, in radii, above 0.
        blur: standard deviation of the Gaussian, as a share of the image's first axis; vessels are thinner than 0.03.
        core: share of each axis, in its middle, in which the regions' centres lie, in (0, 1].
        prob: probability that an image is changed.

    Raises:
        ValueError: when a number is out of bounds or a range's ends are in the wrong order.

    Example:
        >>> lesion = RandLesion(amplitude=(0.3, 0.3)).set_random_state(0)
        >>> lesion(torch.full((1, 32, 32), 0.5)).max().item() > 0.6
        True
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        radius: Sequence[float] = (0.08, 0.2),
        amplitude: Sequence[float] = (0.1, 0.35),
        texture_loss: Sequence[float] = (0.3, 0.8),
        number: Sequence[int] = (1, 1),
        aspect: float = 2.0,
        irregularity: float = 0.15,
        softness: float = 0.3,
        blur: float = 0.03,
        core: float = 0.7,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        bounds = {"radius": (radius, 1e-6, 1), "amplitude": (amplitude, -1, 1), "texture_loss": (texture_loss, 0, 1)}
        for name, (ends, low, high) in bounds.items():
            if not low <= ends[0] <= ends[1] <= high:
                raise ValueError(f"{name} must be two numbers from {low} to {high}, the smaller one first, got {ends}")
        if not 1 <= number[0] <= number[1]:
            raise ValueError(f"number must be two counts of at least 1, the smaller one first, got {number}")
        if aspect < 1 or softness <= 0 or irregularity < 0 or blur < 0:
            raise ValueError(
                "aspect must be at least 1, softness above 0, irregularity and blur not negative, got "
                f"{aspect}, {softness}, {irregularity}, {blur}"
            )
        if not 0 < core <= 1:
            raise ValueError(f"core must be in (0, 1], got {core}")
        self.radius = radius
        self.amplitude = amplitude
        self.texture_loss = texture_loss
        self.number = number
        self.aspect = aspect
        self.irregularity = irregularity
        self.softness = softness
        self.blur = blur
        self.core = core
        self._weight = np.zeros(())
        self._amplitude = self._texture_loss = 0.0

    def randomize(self, data: Sequence[int]) -> None:
        """Draw the regions of an image, and what becomes of it there.

        Args:
            data: the image's shape (H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        self._amplitude = self.R.uniform(self.amplitude[0], self.amplitude[1])
        self._texture_loss = self.R.uniform(self.texture_loss[0], self.texture_loss[1])
        self._weight = np.zeros(tuple(data), dtype=np.float32)
        for _ in range(self.R.randint(self.number[0], self.number[1] + 1)):
            self._weight = np.maximum(self._weight, self._region(data))

    def _region(self, size: Sequence[int]) -> np.ndarray:
        """Weight of one region: a turned ellipse, whose border is moved by smooth noise."""
        radius = self.R.uniform(self.radius[0], self.radius[1]) * size[0]
        center = [n * (0.5 + self.core * (self.R.random_sample() - 0.5)) - 0.5 for n in size]
        logs = self.R.uniform(-0.5, 0.5, len(size)) * math.log(self.aspect)
        axes = np.exp(logs - logs.mean()) * radius  # of the volume that a ball of this radius has
        turn = np.linalg.qr(self.R.normal(size=(len(size), len(size))))[0]
        noise = gaussian_filter(self.R.normal(size=tuple(size)).astype(np.float32), radius / 2, mode="wrap")
        grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1) - center
        distance = np.linalg.norm(grid @ turn / axes, axis=-1)
        distance += self.irregularity * noise / max(float(noise.std()), 1e-12)
        return (1 / (1 + np.exp(np.clip((distance - 1) * 2 / self.softness, -50, 50)))).astype(np.float32)

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
        plain = convert_to_numpy(img).astype(np.float32)
        sigma = self.blur * plain.shape[1]
        smooth = gaussian_filter(plain, [0, *[sigma] * (plain.ndim - 1)], mode="nearest")
        # nothing grows in the air around a patient, nor in the margin of a padded image
        weight = self._weight * np.clip(smooth.max(axis=0) / _FULL_FOREGROUND, 0, 1)
        out = plain + weight * self._texture_loss * (smooth - plain)
        out += weight * self._amplitude * ((1 - out) if self._amplitude > 0 else out)
        return convert_to_dst_type(torch.from_numpy(out.clip(0, 1)), img)[0]


class RandLesiond(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandLesion`; all keys, of one size, are changed at the same places.

    Args:
        keys: keys of the images.
        radius: as there.
        amplitude: as there.
        texture_loss: as there.
        number: as there.
        aspect: as there.
        irregularity: as there.
        softness: as there.
        blur: as there.
        core: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RandLesion.backend

    def __init__(
        self,
        keys: KeysCollection = "corrupted",
        radius: Sequence[float] = (0.08, 0.2),
        amplitude: Sequence[float] = (0.1, 0.35),
        texture_loss: Sequence[float] = (0.3, 0.8),
        number: Sequence[int] = (1, 1),
        aspect: float = 2.0,
        irregularity: float = 0.15,
        softness: float = 0.3,
        blur: float = 0.03,
        core: float = 0.7,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.corrupter = RandLesion(
            radius, amplitude, texture_loss, number, aspect, irregularity, softness, blur, core, prob
        )

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandLesiond:
        super().set_random_state(seed, state)
        self.corrupter.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for i, key in enumerate(self.key_iterator(d)):
            d[key] = self.corrupter(d[key], randomize=i == 0)
        return d


RandLesionD = RandLesionDict = RandLesiond
