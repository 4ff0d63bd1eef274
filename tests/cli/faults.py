"""Components that a test's config names to make a run fail on purpose."""

from __future__ import annotations

import torch
from torch import nn


class NanAfter(nn.Module):
    """L1 loss that is NaN from the n-th call in training on."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.calls = 0

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls += torch.is_grad_enabled()
        loss = (input - target).abs().mean()
        return loss * float("nan") if self.calls > self.n else loss
