"""Coarse noise on an image, to be taken away by a network that restores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor, ensure_tuple_rep
from torch.nn.functional import interpolate, pad


class RandCoarseNoise(RandomizableTransform):
    """Add Gaussian noise of a coarse grid, upsampled to the image and shifted around it.

    Noise of every pixel (MONAI's ``RandGaussianNoise``) is taken away by smoothing alone: what a network learns from it
    finds no lesion. Blobs of a lesion's size can only be taken away by one that knows what belongs there.

    Source: Kascenas et al., "Denoising autoencoders for unsupervised anomaly detection in brain MRI", MIDL 2022, and
    their code: the noise is upsampled linearly from corner to corner, shifted cyclically, added to the foreground only,
    and the sum is not clipped. The shift leaves a straight seam on each axis, where the grid's two ends meet. Between
    the grid's points interpolation takes variance away: over a whole image two thirds of ``std`` are left, over a
    volume 0.54 of it.

    Args:
        resolution: points of the grid, one number for every axis or one an axis; an axis with fewer pixels takes those.
        std: standard deviation at the grid's points, in units of the image, whose values are in [0, 1].
        foreground_above: pixels whose channels sum to this or less stay as they are; None changes all.
        seamless: whether the grid goes on cyclically, so that there is no seam (not in the source).
        clip: whether to cut the sum to [0, 1].
        prob: probability that an image is changed.

    Raises:
        ValueError: when ``resolution`` is below 1 or ``std`` is negative.

    Example:
        >>> noise = RandCoarseNoise(resolution=2, foreground_above=None).set_random_state(0)
        >>> noise(torch.full((1, 8, 8), 0.5)).shape
        torch.Size([1, 8, 8])
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        resolution: Sequence[int] | int = 16,
        std: float = 0.2,
        foreground_above: float | None = 0.01,
        seamless: bool = False,
        clip: bool = False,
        prob: float = 1.0,
    ) -> None:
        super().__init__(prob)
        if min([resolution] if isinstance(resolution, int) else resolution) < 1:
            raise ValueError(f"resolution must be at least 1 point an axis, got {resolution}")
        if std < 0:
            raise ValueError(f"std must not be negative, got {std}")
        self.resolution = resolution
        self.std = std
        self.foreground_above = foreground_above
        self.seamless = seamless
        self.clip = clip
        self._noise = torch.zeros(())

    def randomize(self, data: Sequence[int]) -> None:
        """Draw the noise of an image.

        Args:
            data: its shape (C, H, W[, D]).
        """
        super().randomize(None)
        if not self._do_transform:
            return
        channels, *size = data
        grid = [min(n, s) for n, s in zip(ensure_tuple_rep(self.resolution, len(size)), size, strict=True)]
        coarse = torch.from_numpy(self.R.normal(0.0, self.std, (1, channels, *grid)).astype(np.float32))
        if self.seamless:  # each axis ends with its first point again, whose pixel is then cut off
            coarse = pad(coarse, [0, 1] * len(size), mode="circular")
        more = int(self.seamless)
        mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
        noise = interpolate(coarse, size=[s + more for s in size], mode=mode, align_corners=True)[0]
        inner = (slice(None), *(slice(s) for s in size))
        shifts = [int(self.R.randint(s)) for s in size]
        self._noise = noise[inner].roll(shifts, dims=list(range(1, noise.ndim)))

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """
        Args:
            img: image of shape (C, H, W[, D]), float, values in [0, 1]; it stays as it is.
            randomize: whether to draw anew, or to use what was drawn last.

        Returns:
            the same shape and type; outside [0, 1] where the noise goes there, unless ``clip``.
        """
        if randomize:
            self.randomize(img.shape)
        if not self._do_transform:
            return img
        plain = convert_to_tensor(img, track_meta=False)
        noise = self._noise.to(plain.device)
        if self.foreground_above is not None:
            noise = noise * (plain.sum(dim=0, keepdim=True) > self.foreground_above)
        out = plain + noise
        return convert_to_dst_type(out.clamp(0, 1) if self.clip else out, img)[0]


class RandCoarseNoised(MapTransform, Randomizable):
    """Dictionary version of :py:class:`RandCoarseNoise`; all keys get the same noise.

    To restore, copy the image first (MONAI's ``CopyItemsd``), corrupt the copy, and see
    :py:func:`imgae_monai.engines.prepare_restoration`.

    Args:
        keys: keys of the images.
        resolution: as there.
        std: as there.
        foreground_above: as there.
        seamless: as there.
        clip: as there.
        prob: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = RandCoarseNoise.backend

    def __init__(
        self,
        keys: KeysCollection = "corrupted",
        resolution: Sequence[int] | int = 16,
        std: float = 0.2,
        foreground_above: float | None = 0.01,
        seamless: bool = False,
        clip: bool = False,
        prob: float = 1.0,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.corrupter = RandCoarseNoise(resolution, std, foreground_above, seamless, clip, prob)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandCoarseNoised:
        super().set_random_state(seed, state)
        self.corrupter.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for i, key in enumerate(self.key_iterator(d)):
            d[key] = self.corrupter(d[key], randomize=i == 0)
        return d


RandCoarseNoiseD = RandCoarseNoiseDict = RandCoarseNoised
