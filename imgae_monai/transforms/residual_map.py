"""How far a reconstruction is from its image, pixel by pixel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.transforms import GaussianSmooth, MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor, look_up_option
from torch.nn.functional import pad

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.clahe import CLAHE
from imgae_monai.transforms.residuals import gradient_magnitude_distance, multiscale_ssim_distance, ssim_distance

_DISTANCES = {"ssim": ssim_distance, "ms_ssim": multiscale_ssim_distance, "gms": gradient_magnitude_distance}
RESIDUALS = ("l1", "l2", *_DISTANCES)


class ResidualMap(Transform):
    """Residual between an image and its reconstruction, averaged over channels.

    ``"l1"`` is ``|x - x^|``, ``"l2"`` is ``(x - x^)^2``. The others are distances of neighbourhoods, with formula and
    source in :py:mod:`imgae_monai.transforms.residuals`: ``"ssim"`` (:py:func:`ssim_distance`), ``"ms_ssim"``
    (:py:func:`multiscale_ssim_distance`), ``"gms"`` (:py:func:`gradient_magnitude_distance`).

    Smoothing is a Gaussian over the *signed* difference, before it is made absolute or squared: noise and fine texture
    cancel, a region that is brighter or darker as a whole stays. (Smoothing ``|x - x^|`` itself would leave its mean,
    and so a mean score, as it was.) The other maps, which have no sign, are smoothed as they are: that moves maxima and
    places, and not their mean.

    Args:
        residual: one of ``"l1"``, ``"l2"``, ``"ssim"``, ``"ms_ssim"`` and ``"gms"``.
        smoothing_sigma: standard deviation of the Gaussian in pixels, 0 for none.
        residual_clahe: whether image and reconstruction both go through :py:class:`imgae_monai.transforms.CLAHE`
            before they are compared, so that faint structures count as much as bright ones. It has no derivative.

    Raises:
        ValueError: when ``residual`` is unknown or ``smoothing_sigma`` is negative.

    Example:
        >>> ResidualMap("l2")(torch.full((1, 2, 2), 0.75), torch.full((1, 2, 2), 0.25))
        tensor([[[0.2500, 0.2500],
                 [0.2500, 0.2500]]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, residual: str = "l1", smoothing_sigma: float = 0.0, residual_clahe: bool = False) -> None:
        self.residual = look_up_option(residual, RESIDUALS)
        if smoothing_sigma < 0:
            raise ValueError(f"smoothing_sigma must not be negative, got {smoothing_sigma}")
        self.smoothing_sigma = smoothing_sigma
        self.equaliser = CLAHE() if residual_clahe else None

    def __call__(self, img: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """
        Args:
            img: shape (C, H, W[, D]), values in [0, 1].
            reconstruction: the same shape and range.

        Returns:
            shape (1, H, W[, D]), not negative; ``img``'s metadata is kept.

        Raises:
            ValueError: when the shapes differ, or an axis is too short for the residual.
            InputError: when a gradient is asked for and there is CLAHE on its way.
        """
        if img.shape != reconstruction.shape:
            raise ValueError(
                f"image {tuple(img.shape)} and reconstruction {tuple(reconstruction.shape)} differ in shape"
            )
        first, second = img, reconstruction
        if self.equaliser is not None:
            if img.requires_grad or reconstruction.requires_grad:
                raise InputError("CLAHE has no derivative: compute a score with residual_clahe under torch.no_grad()")
            first, second = self.equaliser(img), self.equaliser(reconstruction)
        if self.residual in _DISTANCES:
            x, y = (convert_to_tensor(t, track_meta=False, dtype=torch.float32)[None] for t in (first, second))
            return self._smooth(convert_to_dst_type(_DISTANCES[self.residual](x, y)[0], img)[0])
        difference = self._smooth(first - second)
        residual = difference.abs() if self.residual == "l1" else difference.square()
        return residual.mean(dim=0, keepdim=True)

    def _smooth(self, img: torch.Tensor) -> torch.Tensor:
        if not self.smoothing_sigma:
            return img
        # MONAI's filter takes zeros for what lies outside, which would dim every border: mirror it instead
        plain = convert_to_tensor(img, track_meta=False)
        margin = [min(int(4 * self.smoothing_sigma + 0.5), size - 1) for size in plain.shape[1:]]
        mirrored = pad(plain[None], [m for m in reversed(margin) for _ in range(2)], mode="reflect")[0]
        smoothed = convert_to_tensor(GaussianSmooth(self.smoothing_sigma)(mirrored), track_meta=False)
        inner = (slice(None), *(slice(m, m + size) for m, size in zip(margin, plain.shape[1:], strict=True)))
        return convert_to_dst_type(smoothed[inner], img)[0]


class ResidualMapd(MapTransform):
    """Dictionary version of :py:class:`ResidualMap`.

    Args:
        keys: key of the reconstruction.
        image_key: key of the image that was reconstructed.
        output_key: key under which the map is put.
        residual: as there.
        smoothing_sigma: as there.
        residual_clahe: as there.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = ResidualMap.backend

    def __init__(
        self,
        keys: KeysCollection = "pred",
        image_key: str = "image",
        output_key: str = "anomaly_map",
        residual: str = "l1",
        smoothing_sigma: float = 0.0,
        residual_clahe: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one reconstruction, got {self.keys}")
        self.image_key = image_key
        self.output_key = output_key
        self.mapper = ResidualMap(residual, smoothing_sigma, residual_clahe)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.mapper(d[self.image_key], d[key])
        return d


ResidualMapD = ResidualMapDict = ResidualMapd
