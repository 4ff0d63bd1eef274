from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Conv, Pool
from monai.networks.nets.resnet import ResNetBlock

from imgae_monai.networks.checks import check_architecture, check_batch_shape

__all__ = ["IntrospectiveAutoencoder"]


class IntrospectiveAutoencoder(nn.Module):
    """
    The reversed autoencoder as published: residual blocks, average pooling and a variational bottleneck, without skip
    connections, to be trained by :py:class:`imgae_monai.engines.IntrospectiveTrainer`.

    From Bercea et al., "Generalizing Unsupervised Anomaly Detection: Towards Unbiased Pathology Screening" (MIDL 2023),
    whose network is the one of Daniel and Tamar, "Soft-IntroVAE: Analyzing and Improving the Introspective Variational
    Autoencoder" (CVPR 2021). At its reference size, channels (64, 128, 256, 512, 512) and 128 latent features for 2-D
    images of 128 with one channel, it has 29,430,785 parameters. :py:class:`ReversedAutoencoder` is the plain one.

    The first encoder level is a convolution of size 5, every further one a residual block, each followed by its
    pooling; one more block stands before the linear layer. The decoder has a block before every upsampling, and one
    more block and a convolution of size 5 after the last. ``encoder`` and ``decoder`` hold all parameters, so that each
    can have its own optimizer. The linear layers fix the image size.

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
        in_channels: number of image channels.
        out_channels: number of reconstructed channels.
        channels: number of channels of every encoder level, top level first.
        strides: pooling factor after every encoder level; ``len(strides) == len(channels)``.
        latent_size: number of latent features.
        img_size: size of the images along every axis, or one int for all. Each has to be divisible by the product of
            ``strides``.
        act: activation type and arguments. Defaults to leaky ReLU with slope 0.2.
        norm: feature normalization type and arguments. Defaults to batch norm.

    Shape:
        - input of ``forward``, ``encode`` and ``features``: ``(B, in_channels, H, W[, D])`` with ``img_size`` as
          ``H, W[, D]``.
        - outputs of ``encode``, inputs of ``sample``, and input of ``decode``: ``(B, latent_size)``.
        - output of ``forward`` and ``decode``: ``(B, out_channels, H, W[, D])``.

        Output values are in [0, 1], so train on images scaled to [0, 1].

    Raises:
        ValueError: when the lengths or values of the arguments don't fit together (see
            :py:func:`imgae_monai.networks.checks.check_architecture`), or when an input's channels or size differ from
            what the network was built for.

    Example::

        >>> import torch
        >>> net = IntrospectiveAutoencoder(
        ...     spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(2, 2, 2), latent_size=4,
        ...     img_size=32,
        ... )
        >>> images = torch.rand(2, 1, 32, 32)
        >>> net(images).shape
        torch.Size([2, 1, 32, 32])
        >>> mu, log_var = net.encode(images)
        >>> net.decode(net.sample(mu, log_var)).shape
        torch.Size([2, 1, 32, 32])
        >>> [tuple(f.shape) for f in net.features(images)]
        [(2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4)]

    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        strides: Sequence[int],
        latent_size: int,
        img_size: Sequence[int] | int,
        act: tuple | str = ("leakyrelu", {"negative_slope": 0.2, "inplace": True}),
        norm: tuple | str = "batch",
    ) -> None:
        super().__init__()
        size = check_architecture(spatial_dims, channels, strides, img_size, num_strides=len(channels))
        self.input_shape = [in_channels, *size]
        self.latent_size = latent_size

        def block(ins: int, outs: int) -> ResNetBlock:
            shortcut = None if ins == outs else Conv[Conv.CONV, spatial_dims](ins, outs, kernel_size=1, bias=False)
            return ResNetBlock(ins, outs, spatial_dims, downsample=shortcut, act=act, norm=norm)

        first = Convolution(
            spatial_dims,
            in_channels,
            channels[0],
            kernel_size=5,
            adn_ordering="NA",
            act=act,
            norm=norm,
            bias=False,
        )
        blocks = [first, *(block(ins, outs) for ins, outs in itertools.pairwise(channels))]
        levels = [
            nn.Sequential(layer, Pool[Pool.AVG, spatial_dims](kernel_size=stride))
            for layer, stride in zip(blocks, strides, strict=True)
        ]
        bottleneck = (channels[-1], *(axis // math.prod(strides) for axis in size))
        self.encoder = _Encoder(levels, block(channels[-1], channels[-1]), math.prod(bottleneck), latent_size)

        self.decoder = nn.Sequential(
            nn.Linear(latent_size, math.prod(bottleneck)), nn.ReLU(), nn.Unflatten(1, bottleneck)
        )
        ins = channels[-1]
        for outs, stride in zip(reversed(channels), reversed(strides), strict=True):
            self.decoder.append(nn.Sequential(block(ins, outs), nn.Upsample(scale_factor=stride, mode="nearest")))
            ins = outs
        self.decoder.append(block(ins, ins))
        self.decoder.append(
            Convolution(spatial_dims, ins, out_channels, kernel_size=5, adn_ordering="A", act="sigmoid", norm=None)
        )

    @torch.jit.export
    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what every encoder level gives for images ``(B, in_channels, H, W[, D])``, after its pooling."""
        check_batch_shape("x", x, self.input_shape)
        return self.encoder(x)[0]

    @torch.jit.export
    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and logarithm of the variance, ``(B, latent_size)`` each, of the latent features of images."""
        check_batch_shape("x", x, self.input_shape)
        _, mu, log_var = self.encoder(x)
        return mu, log_var

    @torch.jit.export
    def sample(self, mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
        """Draw latent features ``(B, latent_size)`` from what ``encode`` returns, with torch's generator."""
        return mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)

    @torch.jit.export
    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return images ``(B, out_channels, H, W[, D])`` in [0, 1] from latent features ``(B, latent_size)``."""
        check_batch_shape("z", z, [self.latent_size])
        return self.decoder(z)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction ``(B, out_channels, H, W[, D])`` in [0, 1] from the mean: nothing is drawn."""
        return self.decode(self.encode(x)[0])


class _Encoder(nn.Module):
    """Features of every level, mean and log variance in one pass, which training needs together."""

    def __init__(self, levels: Sequence[nn.Module], last: nn.Module, num_features: int, latent_size: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(levels)
        self.to_latent = nn.Sequential(last, nn.Flatten(), nn.Linear(num_features, 2 * latent_size))

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
        features: list[torch.Tensor] = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        mu, log_var = self.to_latent(x).chunk(2, dim=1)
        return features, mu, log_var
