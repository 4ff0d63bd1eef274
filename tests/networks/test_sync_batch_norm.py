"""Of one process; over several it is tested in tests/distributed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.networks.nets import UNetAutoencoder
from imgae_monai.networks.sync_batch_norm import CPUSyncBatchNorm, with_sync_batch_norm


@pytest.mark.parametrize("training", [True, False])
def test_alone_it_is_torchs_batch_norm(training):
    plain = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, momentum=0.3)).train(training)
    shared = with_sync_batch_norm(plain, "cpu")
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(shared(images), plain(images))
    assert all(
        torch.equal(a, b) for a, b in zip(shared.state_dict().values(), plain.state_dict().values(), strict=True)
    )


def test_every_batch_norm_is_replaced_in_a_copy():
    network = UNetAutoencoder(2, 1, 1, (4, 8), (2,), 4, 16)
    shared = with_sync_batch_norm(network, "cpu")
    kinds = [
        {type(layer) for layer in n.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)}
        for n in (network, shared)
    ]
    assert kinds == [{nn.BatchNorm2d}, {CPUSyncBatchNorm}]
    assert shared.state_dict().keys() == network.state_dict().keys()


def test_on_a_gpu_it_is_torchs_own():
    assert isinstance(with_sync_batch_norm(nn.Sequential(nn.BatchNorm2d(2)), "cuda")[0], nn.SyncBatchNorm)


def test_what_has_no_channels_is_refused():
    with pytest.raises(ValueError, match=r"shape \(B, C\[, H\[, W\[, D\]\]\]\), got \(3,\)"):
        CPUSyncBatchNorm(3)(torch.rand(3))


def test_low_precision_counts_in_full(monkeypatch):
    """As of two processes of the same images; torch's own batch norm takes bfloat16 too."""
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda tensor: tensor.mul_(2))
    images = torch.rand(8, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    shared, plain = CPUSyncBatchNorm(2), nn.BatchNorm2d(2)
    out, expected = shared(images.bfloat16()), plain(torch.cat([images, images]))[:8]
    assert out.dtype == torch.bfloat16
    assert torch.allclose(out.float(), expected, atol=0.02)
    assert torch.allclose(shared.running_mean, plain.running_mean, atol=1e-3)
    assert torch.allclose(shared.running_var, plain.running_var, atol=1e-3)
