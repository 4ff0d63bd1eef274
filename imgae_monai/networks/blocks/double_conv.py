from __future__ import annotations

import torch.nn as nn
from monai.networks.blocks import Convolution

__all__ = ["DoubleConv"]


class DoubleConv(nn.Sequential):
    """
    Two 3x3(x3) convolutions without bias, each followed by normalization and activation, with dropout of whole
    channels between the two.

    :py:class:`monai.networks.nets.basic_unet.TwoConv` differs: it has dropout after both convolutions, before the
    activation, and drops single elements.

    Args:
        spatial_dims: number of spatial dimensions.
        in_channels: number of input channels.
        out_channels: number of output channels, also of the first convolution.
        act: activation type and arguments. Defaults to ReLU.
        norm: feature normalization type and arguments. Defaults to batch norm.
        dropout: dropout ratio, or dropout type and arguments, after the first convolution. Defaults to no dropout.

    Shape:
        ``(B, in_channels, H, W[, D])`` to ``(B, out_channels, H, W[, D])``.

    Example::

        >>> import torch
        >>> DoubleConv(spatial_dims=2, in_channels=1, out_channels=8)(torch.rand(2, 1, 16, 16)).shape
        torch.Size([2, 8, 16, 16])

    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        act: tuple | str | None = "relu",
        norm: tuple | str | None = "batch",
        dropout: tuple | str | float | None = None,
    ) -> None:
        super().__init__()
        conv_0 = Convolution(
            spatial_dims,
            in_channels,
            out_channels,
            adn_ordering="NAD",
            act=act,
            norm=norm,
            dropout=dropout,
            dropout_dim=spatial_dims,
            bias=False,
        )
        conv_1 = Convolution(
            spatial_dims, out_channels, out_channels, adn_ordering="NAD", act=act, norm=norm, bias=False
        )
        self.add_module("conv_0", conv_0)
        self.add_module("conv_1", conv_1)
