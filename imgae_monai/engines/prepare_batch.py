"""Batches whose target is their own image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from monai.utils import CommonKeys as Keys


def prepare_reconstruction(
    batchdata: Mapping[str, Any],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    memory_format: torch.memory_format = torch.preserve_format,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``prepare_batch`` of a trainer that learns to reconstruct: the image is both input and target.

    MONAI's ``default_prepare_batch`` would take ``label``, which here is the image's class. For trainers only: in an
    evaluator the target replaces the class under ``label``, which its metrics need.

    Args:
        batchdata: batch with ``image`` of shape (B, C, H, W[, D]).
        device: where to.
        non_blocking: whether the copy may be asynchronous.
        memory_format: ``torch.channels_last`` where the network's weights lie so.

    Returns:
        image and image.
    """
    image = batchdata[Keys.IMAGE].to(device=device, non_blocking=non_blocking, memory_format=memory_format)
    return image, image


def prepare_restoration(
    batchdata: Mapping[str, Any],
    device: torch.device | str | None = None,
    non_blocking: bool = False,
    memory_format: torch.memory_format = torch.preserve_format,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``prepare_batch`` of a trainer that learns to restore: a corrupted copy is the input, the image the target.

    Where the batch has weights (:py:class:`imgae_monai.transforms.RandForeignWeightd`), the copy is blended with the
    image before it in the batch (with the last one for the first): foreign patch interpolation. Nothing is drawn here,
    so a run that is resumed sees the same. A batch of one image has no foreign one: its patch shows the image's own
    uncorrupted self.

    For trainers only, as :py:func:`prepare_reconstruction`.

    Args:
        batchdata: batch with ``image`` and ``corrupted`` of shape (B, C, H, W[, D]), and perhaps ``foreign_weight`` of
            shape (B, 1, H, W[, D]), the share of the foreign image at each pixel.
        device: where to.
        non_blocking: whether the copy may be asynchronous.
        memory_format: ``torch.channels_last`` where the network's weights lie so.

    Returns:
        corrupted image and image.
    """
    image, corrupted = (
        batchdata[key].to(device=device, non_blocking=non_blocking, memory_format=memory_format)
        for key in (Keys.IMAGE, "corrupted")
    )
    if "foreign_weight" in batchdata:
        weight = batchdata["foreign_weight"].to(device=device, non_blocking=non_blocking)
        corrupted = torch.lerp(corrupted, image.roll(1, dims=0), weight.to(corrupted.dtype))
    return corrupted, image
