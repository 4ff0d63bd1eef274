"""One gradient of all processes' images."""

from __future__ import annotations

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from monai.engines import IterationEvents
from monai.utils import CommonKeys as Keys
from torch import nn

from imgae_monai.handlers.gradient_accumulation import GradientAccumulationHandler, step_follows


class SharedGradientHandler:
    """Start all processes from the first one's weights, and step by the mean gradient over all of their images.

    ``DistributedDataParallel`` averages in the backward pass of one call of one module, each process as much as
    another. Introspective training has several such calls a step, by two optimizers, and no one module; and the wrapper
    puts itself between the network and whatever reads it. Here the gradient is averaged once for each of the
    optimizer's steps, between backward pass and step, each process by its number of images. It takes the place of
    :py:class:`GradientAccumulationHandler`, which it contains; the batches of one step are weighed in the same way.

    With as many images in each process, and :py:class:`imgae_monai.networks.CPUSyncBatchNorm` or torch's, the gradient
    is that of one process with the joint batch, for losses that are a mean over it. With unequal batches that is so
    without batch norm only.
    """

    def __init__(self) -> None:
        self._accumulation = GradientAccumulationHandler()
        self._n_images = 0

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this before what reads the gradient."""
        self._accumulation.attach(engine)
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self._share)

    def _start(self, engine: Engine) -> None:
        if dist.is_initialized():
            _spread(engine.network)

    def _share(self, engine: Engine) -> None:
        self._n_images += len(engine.state.output[Keys.IMAGE])
        if not step_follows(engine):
            return
        n_images, self._n_images = self._n_images, 0
        if not dist.is_initialized():
            return
        groups = engine.optimizer.param_groups
        gradients = [p.grad for group in groups for p in group["params"] if p.grad is not None]
        count = gradients[0].new_full((1,), float(n_images))
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), count / n_images]).mul_(n_images)
        dist.all_reduce(flat)
        flat.div_(flat[-1].clone())
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients] + [1])[:-1], strict=True):
            gradient.copy_(part.view(gradient.shape))


def _spread(network: nn.Module) -> None:
    """Give every process the first one's weights and buffers."""
    for tensor in [*network.parameters(), *network.buffers()]:
        dist.broadcast(tensor.detach(), src=0)
