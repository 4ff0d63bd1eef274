"""How far a reconstruction is from its image, pixel by pixel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping

import torch
from monai.config import KeysCollection, PathLike
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type, convert_to_tensor, look_up_option
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.clahe import CLAHE
from imgae_monai.transforms.prediction import learned_log_variance, members_disagreement, split_prediction
from imgae_monai.transforms.residuals import (
    LPIPS,
    check_features,
    check_network,
    feature_distance,
    gradient_magnitude_distance,
    input_gradient,
    multiscale_ssim_distance,
    reversed_distance,
    smooth,
    ssim_distance,
)

_OF_IMAGES = {"ssim": ssim_distance, "ms_ssim": multiscale_ssim_distance, "gms": gradient_magnitude_distance}
_REVERSED = ("reversed", "reversed_lpips")
RESIDUALS = ("l1", "l2", *_OF_IMAGES, "features", "lpips", "gradient", *_REVERSED)
# reversed has CLAHE of its own, and gradient takes no reconstruction that could be equalised
RESIDUALS_OF_CLAHE = tuple(residual for residual in RESIDUALS if residual not in ("gradient", *_REVERSED))
# of what a network or an ensemble says beside its reconstruction, in grey values that CLAHE would change
RESIDUALS_OF_PREDICTION = ("likelihood", "disagreement")

_Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def check_residual(residual: str, smoothing_sigma: float = 0.0, residual_clahe: bool = False) -> None:
    """Make sure that a map can be computed, as far as that is known without a network.

    Raises:
        ValueError: when ``residual`` is unknown, ``smoothing_sigma`` is negative, or ``residual_clahe`` has no effect.
    """
    look_up_option(residual, (*RESIDUALS, *RESIDUALS_OF_PREDICTION))
    if smoothing_sigma < 0:
        raise ValueError(f"smoothing_sigma must not be negative, got {smoothing_sigma}")
    if residual_clahe and residual not in RESIDUALS_OF_CLAHE:
        raise ValueError(f"residual_clahe has no effect with residual {residual!r}")


def is_differentiable(residual: str, residual_clahe: bool = False) -> bool:
    """Whether a map has a derivative by the image, which CLAHE takes away."""
    return not residual_clahe and residual not in _REVERSED


class ResidualMap(Transform):
    """Residual between an image x and its reconstruction x^, averaged over channels.

    Formula and source of the distances stand with them in :py:mod:`imgae_monai.transforms.residuals`.

    - of grey values: ``"l1"``, ``|x - x^|``, and ``"l2"``, ``(x - x^)^2``;
    - of neighbourhoods: ``"ssim"``, ``"ms_ssim"`` (:py:func:`multiscale_ssim_distance`) and ``"gms"``
      (:py:func:`gradient_magnitude_distance`);
    - of what a network makes of them: ``"features"`` (:py:func:`feature_distance`, by the trained network itself) and
      ``"lpips"`` (:py:class:`LPIPS`, whose weights are a file);
    - the derivative of the error by the image: ``"gradient"`` (:py:func:`input_gradient`);
    - the map of the reversed autoencoder, :py:func:`reversed_distance`: ``"reversed"`` by the trained network's own
      features, ``"reversed_lpips"`` by LPIPS as published;
    - of what an output holds beside the reconstruction, see :py:func:`imgae_monai.transforms.split_prediction`:
      ``"likelihood"``, ``exp(-log s2) (x - x^)^2`` with the variance s2 that the network learned (Mao et al. 2020,
      "Abnormality detection in chest X-ray images using uncertainty prediction autoencoders"), and
      ``"disagreement"``, the standard deviation of an ensemble's reconstructions (Cai et al. 2022, "Dual-distribution
      discrepancy for anomaly detection in chest X-rays"), which is not compared with the image at all.

    Smoothing is a Gaussian over the *signed* difference, before it is made absolute or squared: noise and fine texture
    cancel, a region that is brighter or darker as a whole stays. (Smoothing ``|x - x^|`` itself would leave its mean,
    and so a mean score, as it was.) Maps other than ``"l1"``, ``"l2"`` and ``"likelihood"`` have no sign and are
    smoothed as they are: that moves maxima and places, and not their mean.

    Args:
        residual: one of those above.
        smoothing_sigma: standard deviation of the Gaussian in pixels, 0 for none.
        residual_clahe: whether image and reconstruction both go through :py:class:`imgae_monai.transforms.CLAHE`
            before they are compared, so that faint structures count as much as bright ones. It has no derivative.
        network: the trained network; for ``"features"``, ``"reversed"`` and ``"gradient"`` only.
        lpips_weights: file of LPIPS's weights; for ``"lpips"`` and ``"reversed_lpips"`` only.

    Raises:
        ValueError: see :py:func:`check_residual`.
        InputError: when there is no network, or no file of weights, or the wrong one, for a residual that needs it.

    Example:
        >>> ResidualMap("l2")(torch.full((1, 2, 2), 0.75), torch.full((1, 2, 2), 0.25))
        tensor([[[0.2500, 0.2500],
                 [0.2500, 0.2500]]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        residual: str = "l1",
        smoothing_sigma: float = 0.0,
        residual_clahe: bool = False,
        network: nn.Module | None = None,
        lpips_weights: PathLike | None = None,
    ) -> None:
        check_residual(residual, smoothing_sigma, residual_clahe)
        self.residual = residual
        self.smoothing_sigma = smoothing_sigma
        self.equaliser = CLAHE() if residual_clahe else None
        self.distance = _distance(residual, network, lpips_weights)

    def __call__(self, img: torch.Tensor, reconstruction: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """
        Args:
            img: shape (C, H, W[, D]), values in [0, 1].
            reconstruction: the same shape and range; or a network's output with more channels, see
                :py:func:`imgae_monai.transforms.split_prediction`.

        Returns:
            shape (1, H, W[, D]), not negative; ``img``'s metadata is kept.

        Raises:
            ValueError: when the shapes differ, or they are none that the residual takes.
            InputError: when the output does not hold what the residual takes, or a gradient is asked for and there is
                CLAHE on its way.
        """
        prediction = split_prediction(reconstruction, img.shape[0])
        reconstruction = prediction.reconstruction
        if img.shape != reconstruction.shape:
            raise ValueError(
                f"image {tuple(img.shape)} and reconstruction {tuple(reconstruction.shape)} differ in shape"
            )
        if not is_differentiable(self.residual, self.equaliser is not None) and (
            img.requires_grad or reconstruction.requires_grad
        ):
            raise InputError("CLAHE has no derivative: compute a score that goes through it under torch.no_grad()")
        if self.residual == "disagreement":
            return self._smooth(convert_to_dst_type(members_disagreement(prediction), img)[0]).mean(dim=0, keepdim=True)
        first, second = img, reconstruction
        if self.equaliser is not None:
            first, second = self.equaliser(img), self.equaliser(reconstruction)
        if self.distance is not None:
            x, y = (convert_to_tensor(t, track_meta=False, dtype=torch.float32)[None] for t in (first, second))
            return convert_to_dst_type(self._smooth(self.distance(x, y)[0]), img)[0]
        difference = self._smooth(first - second)
        residual = difference.abs() if self.residual == "l1" else difference.square()
        if self.residual == "likelihood":
            residual = residual * convert_to_dst_type(torch.exp(-learned_log_variance(prediction)), residual)[0]
        return residual.mean(dim=0, keepdim=True)

    def _smooth(self, img: torch.Tensor) -> torch.Tensor:
        if not self.smoothing_sigma:
            return img
        plain = convert_to_tensor(img, track_meta=False, dtype=torch.float32)
        return convert_to_dst_type(smooth(plain[None], self.smoothing_sigma)[0], img)[0]


def _distance(residual: str, network: nn.Module | None, lpips_weights: PathLike | None) -> _Distance | None:
    """Of two batches; None for what is a norm of their difference."""
    if residual in _OF_IMAGES:
        return _OF_IMAGES[residual]
    if residual == "gradient":
        return functools.partial(input_gradient, check_network(network, residual))
    if residual in ("lpips", "reversed_lpips"):
        lpips = LPIPS(lpips_weights)
        return lpips if residual == "lpips" else functools.partial(reversed_distance, lpips)
    if residual in ("features", "reversed"):
        features = functools.partial(feature_distance, check_features(network, residual))
        return features if residual == "features" else functools.partial(reversed_distance, features)
    return None


class ResidualMapd(MapTransform):
    """Dictionary version of :py:class:`ResidualMap`.

    Args:
        keys: key of the reconstruction.
        image_key: key of the image that was reconstructed.
        output_key: key under which the map is put.
        residual: as there.
        smoothing_sigma: as there.
        residual_clahe: as there.
        network: as there.
        lpips_weights: as there.
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
        network: nn.Module | None = None,
        lpips_weights: PathLike | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"keys must name one reconstruction, got {self.keys}")
        self.image_key = image_key
        self.output_key = output_key
        self.mapper = ResidualMap(residual, smoothing_sigma, residual_clahe, network, lpips_weights)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.output_key] = self.mapper(d[self.image_key], d[key])
        return d


ResidualMapD = ResidualMapDict = ResidualMapd
