"""How far a reconstruction is from its image, pixel by pixel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import torch
from monai.config import KeysCollection
from monai.metrics.regression import compute_ssim_and_cs
from monai.transforms import GaussianSmooth, MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor, look_up_option
from torch.nn.functional import pad

_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5


class ResidualMap(Transform):
    """Residual between an image and its reconstruction, averaged over channels.

    ``"l1"`` is ``|x - x^|``, ``"l2"`` is ``(x - x^)^2``, ``"ssim"`` is ``1 - SSIM(x, x^)`` for each pixel's Gaussian
    neighbourhood (11 pixels, sigma 1.5; Wang et al. 2004, "Image quality assessment: from error visibility to
    structural similarity", eq. 13), computed by MONAI, with reflected borders so that the map keeps the image's size.

    Smoothing is a Gaussian over the *signed* difference, before it is made absolute or squared: noise and fine texture
    cancel, a region that is brighter or darker as a whole stays. (Smoothing ``|x - x^|`` itself would leave its mean,
    and so a mean score, as it was.) An SSIM map, which has no sign, is smoothed as it is: that moves maxima and places,
    and not its mean.

    Args:
        residual: ``"l1"``, ``"l2"`` or ``"ssim"``.
        smoothing_sigma: standard deviation of the Gaussian in pixels, 0 for none.

    Raises:
        ValueError: when ``residual`` is none of the three or ``smoothing_sigma`` is negative.

    Example:
        >>> ResidualMap("l2")(torch.full((1, 2, 2), 0.75), torch.full((1, 2, 2), 0.25))
        tensor([[[0.2500, 0.2500],
                 [0.2500, 0.2500]]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, residual: str = "l1", smoothing_sigma: float = 0.0) -> None:
        self.residual = look_up_option(residual, ["l1", "l2", "ssim"])
        if smoothing_sigma < 0:
            raise ValueError(f"smoothing_sigma must not be negative, got {smoothing_sigma}")
        self.smoothing_sigma = smoothing_sigma

    def __call__(self, img: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """
        Args:
            img: shape (C, H, W[, D]), values in [0, 1].
            reconstruction: the same shape and range.

        Returns:
            shape (1, H, W[, D]), not negative; ``img``'s metadata is kept.

        Raises:
            ValueError: when the shapes differ, or an axis is too short for the SSIM window.
        """
        if img.shape != reconstruction.shape:
            raise ValueError(
                f"image {tuple(img.shape)} and reconstruction {tuple(reconstruction.shape)} differ in shape"
            )
        if self.residual == "ssim":
            return self._smooth(self._ssim(img, reconstruction))
        difference = self._smooth(img - reconstruction)
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

    @staticmethod
    def _ssim(img: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:
        half = _SSIM_WINDOW // 2
        spatial_dims = img.ndim - 1
        if min(img.shape[1:]) <= half:
            raise ValueError(f"an SSIM map needs more than {half} pixels an axis, got {tuple(img.shape[1:])}")
        plain = [convert_to_tensor(x, track_meta=False, dtype=torch.float32)[None] for x in (img, reconstruction)]
        x, y = (pad(t, [half] * (2 * spatial_dims), mode="reflect") for t in plain)
        ssim, _ = compute_ssim_and_cs(
            x,
            y,
            spatial_dims=spatial_dims,
            kernel_size=[_SSIM_WINDOW] * spatial_dims,
            kernel_sigma=[_SSIM_SIGMA] * spatial_dims,
            data_range=1.0,
        )
        residual = (1.0 - ssim[0]).clamp_min(0.0).mean(dim=0, keepdim=True)
        return convert_to_dst_type(residual, img)[0]


class ResidualMapd(MapTransform):
    """Dictionary version of :py:class:`ResidualMap`.

    Args:
        keys: key of the reconstruction.
        image_key: key of the image that was reconstructed.
        output_key: key under which the map is put.
        residual: as there.
        smoothing_sigma: as there.
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
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one reconstruction, got {self.keys}")
        self.image_key = image_key
        self.output_key = output_key
        self.mapper = ResidualMap(residual, smoothing_sigma)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.mapper(d[self.image_key], d[key])
        return d


ResidualMapD = ResidualMapDict = ResidualMapd
