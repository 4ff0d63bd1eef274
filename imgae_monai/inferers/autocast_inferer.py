"""Run a network in mixed precision on any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.inferers import Inferer


class AutocastInferer(Inferer):
    """Run a network under ``torch.autocast`` and give its output in float32, so that losses are full precision.

    MONAI's engines (1.6.1) autocast for CUDA only: elsewhere ``amp=True`` silently computes in full precision. This is
    the one place where mixed precision comes in. For float16 a trainer's own ``amp=True`` is needed too, for its
    ``GradScaler``.

    Args:
        device: where the network runs.
        dtype: ``"bfloat16"``, ``"float16"``, or None for full precision.
    """

    def __init__(self, device: torch.device | str, dtype: str | None = None) -> None:
        super().__init__()
        self.device_type = torch.device(device).type
        self.dtype: torch.dtype | None = None if dtype is None else getattr(torch, dtype)

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: shape (B, C, H, W[, D]).
            network: gives one tensor.
            args: further arguments of the network.
            kwargs: the same by name.

        Returns:
            the network's output in float32.
        """
        if self.dtype is None:
            return network(inputs, *args, **kwargs)
        with torch.autocast(self.device_type, dtype=self.dtype):
            output = network(inputs, *args, **kwargs)
        return output.float()
