"""Images to compare."""

from __future__ import annotations

import numpy as np
import torch


def random_pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A noisy ramp and a version of it with other noise: neither alike nor unrelated."""
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0.2, 0.8, shape[-1]), shape)
    first, second = (np.clip(ramp + rng.normal(0, 0.1, shape), 0, 1).astype(np.float32) for _ in range(2))
    return torch.from_numpy(first), torch.from_numpy(second)
