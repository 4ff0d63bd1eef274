"""Make accumulated batches count as one large one."""

from __future__ import annotations

import torch
from ignite.engine import Engine
from monai.engines import IterationEvents
from monai.utils import CommonKeys as Keys


def step_follows(engine: Engine) -> bool:
    """Whether a MONAI trainer, at the end of this backward pass, will step its optimizer (as in its ``_iteration``)."""
    steps = engine.accumulation_steps
    done = (engine.state.iteration - 1) % engine.state.epoch_length + 1
    return done % steps == 0 or done == engine.state.epoch_length


class GradientAccumulationHandler:
    """Weigh accumulated batches by their images, so that a group of them gives the gradient of one large batch.

    MONAI's trainer (1.6.1) divides every loss by ``accumulation_steps``. In the last group of an epoch, which may have
    fewer batches and a smaller one among them, that makes the step too small: one batch of four is a quarter of a step.
    Here every batch counts by its number of images, and the sum is divided by their number. Groups of whole batches
    are left as they are, to the bit.

    For losses that are a mean over the batch. Attach this before whatever reads the gradient, and after what reads the
    loss at ``LOSS_COMPLETED``.
    """

    def __init__(self) -> None:
        self._first = 0  # images in the group's first batch
        self._weight = 0.0  # of the group so far, in batches of that size
        self._loss: torch.Tensor | None = None

    def attach(self, engine: Engine) -> None:
        """Args: engine: a MONAI ``SupervisedTrainer``."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._weigh)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self._complete)

    def _weigh(self, engine: Engine) -> None:
        if engine.accumulation_steps == 1:
            return
        n_images = len(engine.state.output[Keys.IMAGE])
        if (engine.state.iteration - 1) % engine.state.epoch_length % engine.accumulation_steps == 0:
            self._first, self._weight = n_images, 0.0
        self._weight += n_images / self._first
        self._loss = engine.state.output[Keys.LOSS]
        if n_images != self._first:
            engine.state.output[Keys.LOSS] = self._loss * (n_images / self._first)

    def _complete(self, engine: Engine) -> None:
        steps = engine.accumulation_steps
        if steps == 1:
            return
        engine.state.output[Keys.LOSS] = self._loss  # what is logged is the batch's own
        self._loss = None
        if step_follows(engine) and self._weight != steps:
            for group in engine.optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.mul_(steps / self._weight)
