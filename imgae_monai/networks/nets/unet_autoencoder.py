from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from monai.networks.blocks import Convolution, UpSample
from monai.networks.layers.factories import Pool

from imgae_monai.networks.blocks import DoubleConv
from imgae_monai.networks.checks import check_architecture, check_batch_shape

__all__ = ["UNetAutoencoder"]


class _UpCatConv(nn.Module):
    """Linear upsampling, concatenation with the encoder's features of that size, convolution."""

    def __init__(self, spatial_dims: int, in_channels: int, stride: int, conv: nn.Module) -> None:
        super().__init__()
        self.upsample = UpSample(
            spatial_dims, in_channels, in_channels, stride, mode="nontrainable", align_corners=True
        )
        self.conv = conv

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat([skip, self.upsample(x)], dim=1))


class UNetAutoencoder(nn.Module):
    """
    U-Net with a fully connected bottleneck and two decoders, one with skip connections and one without.

    The decoder with skips gives the reconstruction of ``forward``. It sees the encoder's features, so on clean input
    it learns to copy them, anomalies included: train it to restore corrupted images. The skip-free decoder depends on
    the latent vector alone and is what :py:meth:`decode` runs. It is trained only with ``deep_supervision=True`` and a
    loss on both outputs; without, its parameters get no gradient and ``decode(encode(x))`` stays noise.

    The encoder is a :py:class:`imgae_monai.networks.blocks.DoubleConv`, then max-pooling and a ``DoubleConv`` for
    every stride. The decoder with skips mirrors it with linear upsampling, the skip-free one with transposed
    convolutions. Both share a 1x1 convolution with a sigmoid. The linear layers fix the image size.

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
        in_channels: number of image channels.
        out_channels: number of reconstructed channels.
        channels: number of channels of every encoder level, top level first, the bottleneck last.
        strides: pooling factor between the levels; ``len(strides) == len(channels) - 1``.
        latent_size: number of latent features.
        img_size: size of the images along every axis, or one int for all. Each has to be divisible by the product of
            ``strides``.
        act: activation type and arguments. Defaults to ReLU.
        norm: feature normalization type and arguments. Defaults to batch norm.
        dropout: dropout ratio, or dropout type and arguments, between two convolutions. Defaults to 0.1.
        deep_supervision: whether ``forward`` returns both reconstructions in training mode, stacked along a new first
            axis as :py:class:`monai.networks.nets.DynUNet` does. Defaults to False.

    Shape:
        - input of ``forward``, ``encode`` and ``features``: ``(B, in_channels, H, W[, D])`` with ``img_size`` as
          ``H, W[, D]``.
        - output of ``encode``, input of ``decode``: ``(B, latent_size)``.
        - output of ``forward`` and ``decode``: ``(B, out_channels, H, W[, D])``. With ``deep_supervision`` and in
          training mode ``forward`` gives ``(B, 2, out_channels, H, W[, D])``: the reconstruction with skips, then the
          skip-free one.

        Output values are in [0, 1], so train on images scaled to [0, 1].

    Raises:
        ValueError: when the lengths or values of the arguments don't fit together (see
            :py:func:`imgae_monai.networks.checks.check_architecture`), or when an input's channels or size differ from
            what the network was built for.

    Example::

        >>> import torch
        >>> net = UNetAutoencoder(
        ...     spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(2, 2), latent_size=4,
        ...     img_size=32, deep_supervision=True,
        ... )
        >>> images = torch.rand(2, 1, 32, 32)
        >>> net(images).shape
        torch.Size([2, 2, 1, 32, 32])
        >>> net.eval()(images).shape
        torch.Size([2, 1, 32, 32])
        >>> net.decode(net.encode(images)).shape
        torch.Size([2, 1, 32, 32])
        >>> [tuple(f.shape) for f in net.features(images)]
        [(2, 8, 32, 32), (2, 16, 16, 16), (2, 32, 8, 8)]

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
        act: tuple | str | None = "relu",
        norm: tuple | str | None = "batch",
        dropout: tuple | str | float | None = 0.1,
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        size = check_architecture(spatial_dims, channels, strides, img_size, num_strides=len(channels) - 1)
        self.input_shape = [in_channels, *size]
        self.latent_size = latent_size
        self.deep_supervision = deep_supervision

        def double_conv(ins: int, outs: int) -> DoubleConv:
            return DoubleConv(spatial_dims, ins, outs, act=act, norm=norm, dropout=dropout)

        self.encoder = nn.ModuleList([double_conv(in_channels, channels[0])])
        for stride, ins, outs in zip(strides, channels[:-1], channels[1:], strict=True):
            pool = Pool[Pool.MAX, spatial_dims](kernel_size=stride, stride=stride)
            self.encoder.append(nn.Sequential(pool, double_conv(ins, outs)))

        bottleneck = (channels[-1], *(axis // math.prod(strides) for axis in size))
        self.to_latent = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(bottleneck), latent_size))
        self.from_latent = nn.Sequential(nn.Linear(latent_size, math.prod(bottleneck)), nn.Unflatten(1, bottleneck))

        n = len(strides)
        self.decoder = nn.ModuleList()
        self.skip_free_decoder = nn.Sequential()
        ins = skip_free_ins = channels[-1]
        for i, stride in enumerate(reversed(strides)):
            skip, outs = channels[n - 1 - i], channels[max(n - 2 - i, 0)]
            self.decoder.append(_UpCatConv(spatial_dims, ins, stride, double_conv(ins + skip, outs)))
            up = UpSample(spatial_dims, skip_free_ins, skip, stride, mode="deconv")
            self.skip_free_decoder.append(nn.Sequential(up, double_conv(skip, skip)))
            ins, skip_free_ins = outs, skip

        self.head = Convolution(
            spatial_dims, channels[0], out_channels, kernel_size=1, adn_ordering="A", act="sigmoid", norm=None
        )

    @torch.jit.export
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the latent features ``(B, latent_size)`` of images ``(B, in_channels, H, W[, D])``."""
        return self.to_latent(self.features(x)[-1])

    @torch.jit.export
    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return images ``(B, out_channels, H, W[, D])`` in [0, 1] from latent features ``(B, latent_size)`` alone."""
        check_batch_shape("z", z, [self.latent_size])
        return self.head(self.skip_free_decoder(self.from_latent(z)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction; with deep supervision and in training mode both, ``(B, 2, out_channels, ...)``."""
        features = self.features(x)
        bottleneck = self.from_latent(self.to_latent(features[-1]))
        y = bottleneck
        for i, stage in enumerate(self.decoder):
            y = stage(y, features[-2 - i])
        reconstruction = self.head(y)
        if self.deep_supervision and self.training:
            return torch.stack([reconstruction, self.head(self.skip_free_decoder(bottleneck))], dim=1)
        return reconstruction

    @torch.jit.export
    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what every encoder level gives for images ``(B, in_channels, H, W[, D])``, the bottleneck's last."""
        check_batch_shape("x", x, self.input_shape)
        features: list[torch.Tensor] = []
        for stage in self.encoder:
            x = stage(x)
            features.append(x)
        return features
