"""Vectors that a network makes of an image, whose distance to those of normal images is a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from monai.networks.layers.factories import Pool
from monai.networks.utils import eval_mode
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.score_definition import FEATURE_GAUSSIAN, JOINT_GAUSSIAN, LATENT

LEVELS = 2
GRID = {2: 4, 3: 2}  # cells along an axis, by spatial dimensions
_MOST = 2048  # axes of a code: a matrix of their covariances is 32 MB


class Codes(Transform):
    """Codes of an image, by name.

    ``"latent"`` is what ``encode`` gives (of a variational network the mean). ``"feature_gaussian"`` is the features of
    the network's first two levels, averaged over each cell of a 4x4 grid: what texture and brightness there are, and
    about where. That a Gaussian of a network's features knows normal images is from Rippel et al., "Modeling the
    distribution of normal data in pre-trained deep features for anomaly detection" (ICPR 2020), that it should know
    places from Defard et al., "PaDiM" (2021); here the features are the network's own, so that nothing is downloaded.
    Levels and grid were chosen on normal images and synthetic anomalies: ``docs/method.md``.

    ``"joint_gaussian"`` holds these and, beside them, how far the features of the reconstruction are from those of the
    image, mean absolute differences in the same cells: so that a difference counts by what differences a normal image
    with such features has.

    In 3D the grid has two cells an axis. Of a wide network's features a fixed random choice of 2,048 is kept, as PaDiM
    does (there, section 3.C).

    Args:
        names: which of the three.
        network: gives ``encode`` or ``features``.

    Raises:
        InputError: when the network has no such method.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, names: Sequence[str], network: nn.Module | None) -> None:
        methods = {LATENT: "encode", FEATURE_GAUSSIAN: "features", JOINT_GAUSSIAN: "features"}
        for name in names:
            if not hasattr(network, methods[name]):
                raise InputError(f"the score {name} needs a network with {methods[name]}, got {type(network).__name__}")
        self.names = names
        self.network = network

    def __call__(self, img: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Args:
            img: shape (C, H, W[, D]), values in [0, 1], on the network's device.

        Returns:
            codes (d,) by name.

        Raises:
            InputError: when the network does not give one vector an image.
        """
        return {name: code[0] for name, code in self.batch(convert_to_tensor(img, track_meta=False)[None]).items()}

    def batch(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """The same of a batch: codes (B, d) of images (B, C, H, W[, D])."""
        if not self.names:
            return {}
        if images.requires_grad:  # MONAI's eval_mode lets no gradient through
            return self._codes(images)
        with eval_mode(self.network):  # type: ignore[arg-type]
            return self._codes(images)

    def _codes(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        make: dict[str, Callable] = {
            LATENT: encode_mean,
            FEATURE_GAUSSIAN: pooled_features,
            JOINT_GAUSSIAN: joint_features,
        }
        return {name: make[name](self.network, images) for name in self.names}


def encode_mean(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Codes (B, d) of images (B, C, H, W[, D]); of a variational network the means.

    Raises:
        InputError: when ``encode`` gives something else.
    """
    code = network.encode(images)  # type: ignore[operator]
    mean = code[0] if isinstance(code, tuple) else code
    if not isinstance(mean, torch.Tensor) or mean.ndim != 2:
        raise InputError(f"{type(network).__name__}.encode does not give one vector an image")
    return mean


def pooled_features(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Features of the first two levels in the cells of a grid, (B, (C_1 + C_2) * 16), in 3D (B, (C_1 + C_2) * 8)."""
    return _kept(cell_means(network.features(images)))  # type: ignore[operator]


def joint_features(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The same, and behind them the absolute differences to those of the reconstruction: (B, 2 * ...)."""
    reconstructions = network(images)[:, : images.shape[1]]
    both = network.features(torch.cat([images, reconstructions]))[:LEVELS]  # type: ignore[operator]
    return _kept(joint_means([level.chunk(2) for level in both]))


def joint_means(
    levels: Sequence[Sequence[torch.Tensor]], means: Callable[[Sequence[torch.Tensor]], torch.Tensor] | None = None
) -> torch.Tensor:
    """Means in the cells of features, and of their absolute differences, of which 2,048 axes at most are a code.

    Args:
        levels: features of images and of their reconstructions, twice (B, C_l, ...), one pair a level.
        means: in the place of :py:func:`cell_means`.
    """
    pairs, means = levels[:LEVELS], means or cell_means
    return torch.cat([means([x for x, _ in pairs]), means([(x - y).abs() for x, y in pairs])], dim=1)


def cell_means(levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Means in the cells of a grid, (B, (C_1 + C_2) * 16), in 3D (B, (C_1 + C_2) * 8), of the first two levels."""
    spatial_dims = levels[0].ndim - 2
    pool = Pool[Pool.ADAPTIVEAVG, spatial_dims](GRID[spatial_dims])
    return torch.cat([pool(level).flatten(1) for level in levels[:LEVELS]], dim=1)


def kept_axes(n_axes: int) -> torch.Tensor | None:
    """Indices of the axes that a code keeps, the same each time; None for all of them."""
    if n_axes <= _MOST:
        return None
    return torch.randperm(n_axes, generator=torch.Generator().manual_seed(0))[:_MOST].sort().values


def _kept(code: torch.Tensor) -> torch.Tensor:
    kept = kept_axes(code.shape[1])
    return code if kept is None else code[:, kept.to(code.device)]
