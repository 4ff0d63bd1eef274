"""Batch statistics over the processes of a run."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["CPUSyncBatchNorm", "with_sync_batch_norm"]


class _SumOverProcesses(torch.autograd.Function):
    """Torch's own differentiable sums are private or deprecated."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class CPUSyncBatchNorm(_BatchNorm):
    """
    Batch norm by the statistics of all processes' batches together, on a CPU too.

    :py:class:`torch.nn.SyncBatchNorm` is for GPUs only. The statistics, and what flows back through them, are summed
    over the processes, so that each of them normalizes as one process with the joint batch would (Ioffe and Szegedy
    2015, algorithm 1). In evaluation, and in a process alone, it is torch's own batch norm.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: share of a batch in the running statistics; None for their plain mean.
        affine: whether scale and shift are learnt.
        track_running_stats: whether there are running statistics.

    Shape:
        ``(B, C[, H[, W[, D]]])``, the same out.

    Example::

        >>> CPUSyncBatchNorm(8)(torch.rand(2, 8, 4, 4)).shape  # the only process
        torch.Size([2, 8, 4, 4])

    """

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected an input of shape (B, C[, H[, W[, D]]]), got {tuple(input.shape)}")

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        self._check_input_dim(input)
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        values = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
        here = values.new_full((1,), values.numel() / values.shape[1])
        sums = _SumOverProcesses.apply(torch.cat([values.sum(axes), here]))
        n = sums[-1].detach()
        mean = sums[:-1] / n
        centred = values - mean.view(shape)
        variance = _SumOverProcesses.apply((centred * centred).sum(axes)) / n
        self._put_on_record(mean.detach(), variance.detach(), n)
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.weight is not None:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(input.dtype)

    def _put_on_record(self, mean: torch.Tensor, variance: torch.Tensor, n: torch.Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1.0 / float(self.num_batches_tracked or 1)
        with torch.no_grad():
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * n / (n - 1), share)


def with_sync_batch_norm(network: nn.Module, device: torch.device | str) -> nn.Module:
    """
    A copy of a network whose batch norms count over all processes; its state dict has the same keys.

    Args:
        network: the network, left as it is.
        device: where it will be: torch's own layers on CUDA, :py:class:`CPUSyncBatchNorm` elsewhere.

    Example::

        >>> [type(layer).__name__ for layer in with_sync_batch_norm(nn.Sequential(nn.BatchNorm2d(4)), "cpu")]
        ['CPUSyncBatchNorm']

    """
    network = copy.deepcopy(network)
    if torch.device(device).type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return converted
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm):
                setattr(module, name, _converted(layer))
    return network


def _converted(layer: _BatchNorm) -> CPUSyncBatchNorm:
    new = CPUSyncBatchNorm(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    new.load_state_dict(layer.state_dict())
    new.train(layer.training)
    return new
