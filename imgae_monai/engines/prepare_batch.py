"""A batch whose target is its own image."""

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
