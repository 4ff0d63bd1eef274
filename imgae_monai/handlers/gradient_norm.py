"""Measure the gradient, refuse it where it is not finite, and clip it."""

from __future__ import annotations

import torch
from ignite.engine import Engine
from monai.engines import IterationEvents
from monai.utils import CommonKeys as Keys
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from imgae_monai.exceptions import InputError
from imgae_monai.handlers.gradient_accumulation import step_follows


class GradientNormHandler:
    """Leave the gradient's norm in ``engine.state.grad_norm`` before each of the optimizer's steps, and limit it.

    MONAI's trainers can't clip. The norm is the Euclidean one over all parameters together, before clipping, a tensor
    without dimensions on the network's device; a longer gradient is scaled down to ``max_grad_norm`` (Pascanu et al.
    2013, algorithm 1). Under a ``GradScaler`` gradients are unscaled first; where they overflowed the norm is infinite
    and the scaler skips the step. Without one, a gradient that is not finite ends training before the step, so that the
    weights stay as they were.

    Args:
        max_grad_norm: largest norm, above 0; None leaves the gradient as it is.

    Raises:
        InputError: when it is not above 0.
    """

    def __init__(self, max_grad_norm: float | None = None) -> None:
        if max_grad_norm is not None and not max_grad_norm > 0:
            raise InputError(f"max_grad_norm must be above 0, or none for no clipping, got {max_grad_norm}")
        self.max_grad_norm = max_grad_norm

    def attach(self, engine: Engine) -> None:
        """Args: engine: a MONAI ``SupervisedTrainer``; attach this after what changes the gradient."""
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """
        Raises:
            InputError: when the gradient is not finite.
        """
        if not step_follows(engine):
            return
        optimizer = engine.optimizer
        if engine.scaler is not None:
            engine.scaler.unscale_(optimizer)
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        gradients = [p.grad for p in parameters]
        norm = get_total_norm(gradients)
        if engine.scaler is None and not torch.isfinite(norm):
            _check_finite(engine, gradients)
        if self.max_grad_norm is not None:
            clip_grads_with_norm_(parameters, self.max_grad_norm, norm)
        engine.state.grad_norm = norm


def _check_finite(engine: Engine, gradients: list[torch.Tensor]) -> None:
    if all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
        return  # only the sum of squares overflowed
    raise InputError(
        f"the gradient is not finite at epoch {engine.state.epoch}, iteration {engine.state.iteration}, though the "
        f"loss is ({engine.state.output[Keys.LOSS].item():g}); training stopped before the weights changed, the last "
        "checkpoint is kept. Likely mend: lower learning_rate (a tenth is a good try), or switch amp off"
    )
