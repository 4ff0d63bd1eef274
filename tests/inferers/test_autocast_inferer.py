from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.inferers import AutocastInferer


class Seen(nn.Module):
    """A linear layer that remembers in which precision it computed."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.dtype: torch.dtype | None = None

    def forward(self, x: torch.Tensor, shift: float = 0.0) -> torch.Tensor:
        out = self.layer(x)
        self.dtype = out.dtype
        return out + shift


@pytest.mark.parametrize(("dtype", "computed"), [("bfloat16", torch.bfloat16), (None, torch.float32)])
def test_it_computes_in_the_precision_and_gives_float32(dtype, computed):
    network = Seen()
    out = AutocastInferer("cpu", dtype)(torch.rand(4, 3), network)
    assert network.dtype == computed
    assert out.dtype == torch.float32


def test_full_precision_is_the_network_itself():
    network, x = Seen(), torch.rand(4, 3)
    assert torch.equal(AutocastInferer("cpu")(x, network, 2.0), network(x, 2.0))


def test_weights_and_gradients_stay_float32():
    network = Seen()
    AutocastInferer("cpu", "bfloat16")(torch.rand(4, 3), network).sum().backward()
    assert network.layer.weight.grad.dtype == network.layer.weight.dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_on_cuda(dtype):
    network = Seen().cuda()
    out = AutocastInferer("cuda", dtype)(torch.rand(4, 3, device="cuda"), network)
    assert network.dtype == getattr(torch, dtype)
    assert out.dtype == torch.float32
