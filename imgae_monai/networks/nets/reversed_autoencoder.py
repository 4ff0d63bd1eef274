from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn as nn
from monai.networks.blocks import ADN, Convolution

from imgae_monai.networks.checks import check_architecture, check_batch_shape

__all__ = ["ReversedAutoencoder"]


class ReversedAutoencoder(nn.Module):
    """
    Convolutional autoencoder with a fully connected bottleneck, no skip connections and a decoder that is not the
    encoder's exact mirror: transposed convolutions without dropout, none for a first level of stride 1.

    This is the plain asymmetric network. The reversed autoencoder as published (Bercea et al., "Generalizing
    Unsupervised Anomaly Detection: Towards Unbiased Pathology Screening", MIDL 2023) has residual blocks, a
    variational bottleneck and introspective training: :py:class:`IntrospectiveAutoencoder`.

    Most of the parameters are in the linear layers: their number grows with ``img_size`` and ``hidden_size``.

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
        in_channels: number of image channels.
        out_channels: number of reconstructed channels.
        channels: number of channels of every encoder level, top level first.
        strides: convolution stride of every encoder level; ``len(strides) == len(channels)``.
        latent_size: number of latent features.
        img_size: size of the images along every axis, or one int for all. Each has to be divisible by the product of
            ``strides``.
        hidden_size: number of features of the linear layer on either side of the latent ones. Defaults to 1024.
        act: activation type and arguments. Defaults to ReLU.
        norm: feature normalization type and arguments. Defaults to batch norm.
        dropout: dropout ratio, or dropout type and arguments, of the encoder and the hidden linear layers. Defaults to
            0.1.

    Shape:
        - input of ``forward``, ``encode`` and ``features``: ``(B, in_channels, H, W[, D])`` with ``img_size`` as
          ``H, W[, D]``.
        - output of ``encode``, input of ``decode``: ``(B, latent_size)``.
        - output of ``forward`` and ``decode``: ``(B, out_channels, H, W[, D])``.

        Output values are in [0, 1], so train on images scaled to [0, 1].

    Raises:
        ValueError: when the lengths or values of the arguments don't fit together (see
            :py:func:`imgae_monai.networks.checks.check_architecture`), or when an input's channels or size differ from
            what the network was built for.

    Example::

        >>> import torch
        >>> net = ReversedAutoencoder(
        ...     spatial_dims=2, in_channels=1, out_channels=1, channels=(8, 16, 32), strides=(1, 2, 2), latent_size=4,
        ...     img_size=32, hidden_size=64,
        ... )
        >>> images = torch.rand(2, 1, 32, 32)
        >>> net(images).shape
        torch.Size([2, 1, 32, 32])
        >>> net.encode(images).shape
        torch.Size([2, 4])
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
        hidden_size: int = 1024,
        act: tuple | str | None = "relu",
        norm: tuple | str | None = "batch",
        dropout: tuple | str | float | None = 0.1,
    ) -> None:
        super().__init__()
        size = check_architecture(spatial_dims, channels, strides, img_size, num_strides=len(channels))
        self.input_shape = [in_channels, *size]
        self.latent_size = latent_size

        def conv(ins: int, outs: int, stride: int, up: bool = False) -> Convolution:
            return Convolution(
                spatial_dims,
                ins,
                outs,
                strides=stride,
                adn_ordering="NAD",
                act=act,
                norm=norm,
                dropout=None if up else dropout,
                dropout_dim=spatial_dims,
                bias=False,
                is_transposed=up and stride > 1,
            )

        def hidden() -> ADN:
            return ADN(ordering="AD", act=act, dropout=dropout, dropout_dim=1)

        levels = list(zip([in_channels, *channels[:-1]], channels, strides, strict=True))
        self.encoder = nn.Sequential(*(conv(ins, outs, stride) for ins, outs, stride in levels))

        bottleneck = (channels[-1], *(axis // math.prod(strides) for axis in size))
        features = math.prod(bottleneck)
        self.to_latent = nn.Sequential(
            nn.Flatten(), nn.Linear(features, hidden_size), hidden(), nn.Linear(hidden_size, latent_size)
        )
        self.from_latent = nn.Sequential(
            nn.Linear(latent_size, hidden_size),
            hidden(),
            nn.Linear(hidden_size, features),
            nn.Unflatten(1, bottleneck),
        )

        self.decoder = nn.Sequential(*(conv(outs, ins, stride, up=True) for ins, outs, stride in reversed(levels[1:])))
        if strides[0] != 1:
            self.decoder.append(conv(channels[0], channels[0], strides[0], up=True))
        self.head = Convolution(
            spatial_dims, channels[0], out_channels, kernel_size=1, adn_ordering="A", act="sigmoid", norm=None
        )

    @torch.jit.export
    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what every encoder level gives for images ``(B, in_channels, H, W[, D])``."""
        check_batch_shape("x", x, self.input_shape)
        features: list[torch.Tensor] = []
        for level in self.encoder:
            x = level(x)
            features.append(x)
        return features

    @torch.jit.export
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the latent features ``(B, latent_size)`` of images ``(B, in_channels, H, W[, D])``."""
        check_batch_shape("x", x, self.input_shape)
        return self.to_latent(self.encoder(x))

    @torch.jit.export
    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return images ``(B, out_channels, H, W[, D])`` in [0, 1] from latent features ``(B, latent_size)``."""
        check_batch_shape("z", z, [self.latent_size])
        return self.head(self.decoder(self.from_latent(z)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the reconstruction ``(B, out_channels, H, W[, D])``, values in [0, 1]."""
        return self.decode(self.encode(x))
