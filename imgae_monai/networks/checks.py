"""Argument and shape checks that the networks share, so that a mistake is named before torch trips over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

__all__ = ["check_architecture", "check_batch_shape"]


def _check_positive_ints(name: str, values: Sequence[int]) -> None:
    if not all(isinstance(value, int) and value > 0 for value in values):
        raise ValueError(f"{name} should be positive ints, got {tuple(values)}.")


def _check_divisible(img_size: Sequence[int], factor: int) -> None:
    mends = []
    for size in dict.fromkeys(size for size in img_size if size % factor):
        below = size - size % factor
        fitting = f"{below} or {below + factor}" if below else f"{factor}"
        mends.append(f"use {fitting} instead of {size}")
    if mends:
        raise ValueError(
            f"img_size {tuple(img_size)} should be divisible by {factor}, the product of the strides: "
            f"{', '.join(mends)}."
        )


def check_architecture(
    spatial_dims: int,
    channels: Sequence[int],
    strides: Sequence[int],
    img_size: Sequence[int] | int,
    num_strides: int,
) -> tuple[int, ...]:
    """
    Check the arguments that fix the shape of an autoencoder, and return its image size with one value an axis.

    Args:
        spatial_dims: number of spatial dimensions.
        channels: number of channels of every level, top level first.
        strides: stride of every level.
        img_size: size of the images along every axis, or one int for all of them.
        num_strides: how many strides the network takes for this number of channels.

    Raises:
        ValueError: when ``spatial_dims`` is neither 2 nor 3, when the lengths of ``channels``, ``strides`` or
            ``img_size`` don't fit, when one of their values is not a positive int, or when an axis of ``img_size`` is
            not divisible by the product of ``strides``; then the message names the nearest sizes that are.

    Example::

        >>> check_architecture(2, channels=(8, 16), strides=(2,), img_size=64, num_strides=1)
        (64, 64)

    """
    if spatial_dims not in (2, 3):
        raise ValueError(f"spatial_dims should be 2 or 3, got {spatial_dims}.")
    if num_strides < 1:
        raise ValueError(
            f"channels should have at least {len(channels) - num_strides + 1} values, got {len(channels)}."
        )
    if len(strides) != num_strides:
        raise ValueError(
            f"strides should have {num_strides} values for the {len(channels)} channels {tuple(channels)}, "
            f"got {len(strides)}: {tuple(strides)}."
        )
    size = (img_size,) * spatial_dims if isinstance(img_size, int) else tuple(img_size)
    if len(size) != spatial_dims:
        raise ValueError(f"img_size should be an int or have {spatial_dims} values, one an axis, got {size}.")
    _check_positive_ints("channels", channels)
    _check_positive_ints("strides", strides)
    _check_positive_ints("img_size", size)
    _check_divisible(size, math.prod(strides))
    return size


def check_batch_shape(name: str, x: torch.Tensor, shape: list[int]) -> None:
    """
    Check that a batch holds items of the given shape; works in TorchScript too, and a trace leaves it out.

    Args:
        name: name of the argument, for the message.
        x: the batch, its first dimension is free.
        shape: expected size of the other dimensions.

    Raises:
        ValueError: when ``x.shape[1:]`` differs from ``shape``.

    Example::

        >>> import torch
        >>> check_batch_shape("x", torch.zeros(2, 1, 64, 64), [1, 64, 64])

    """
    if torch.jit.is_tracing():  # a comparison of traced sizes would only warn
        return
    if list(x.shape[1:]) != shape:
        expected = ", ".join([str(size) for size in shape])
        got = ", ".join([str(size) for size in list(x.shape)])
        raise ValueError(f"{name} should have the shape (B, {expected}), got ({got}).")
