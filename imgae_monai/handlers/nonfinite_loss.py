"""Stop at the first loss that is not a number."""

from __future__ import annotations

import math

import torch
from ignite.engine import Engine, Events
from monai.engines import IterationEvents
from monai.utils import CommonKeys as Keys

from imgae_monai.exceptions import InputError


class NonFiniteLossHandler:
    """Stop training at the first NaN or infinite loss, before it reaches the weights.

    Ignite's ``TerminateOnNan`` looks after the optimizer's step, when the weights are spoilt, and ends the run as if it
    had succeeded; this one raises between the loss and the backward pass, so that the last checkpoint stays the last
    good one. A validation loss that is not finite stops training too: every later one would compare as no better.

    Args:
        validator: evaluator whose metric ``val_loss`` is watched, if any.
    """

    def __init__(self, validator: Engine | None = None) -> None:
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Args: engine: a MONAI trainer whose output has ``loss``."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)
        if self.validator is not None:
            self.validator.add_event_handler(Events.EPOCH_COMPLETED, self._check_validation)

    @staticmethod
    def _check_validation(engine: Engine) -> None:
        val_loss = float(engine.state.metrics["val_loss"])
        if not math.isfinite(val_loss):
            raise InputError(
                f"the validation loss is {val_loss} at epoch {engine.state.epoch}: a validation image holds NaN or Inf, "
                "or the weights have diverged. Likely mend: check the data, or lower learning_rate"
            )

    def __call__(self, engine: Engine) -> None:
        """
        Raises:
            InputError: naming epoch, iteration, the loss and the likely mend.
        """
        output = engine.state.output
        loss = output[Keys.LOSS]
        if torch.isfinite(loss).all():
            return
        names = ("image", Keys.IMAGE), ("reconstruction", Keys.PRED)
        spoilt = [name for name, key in names if not torch.isfinite(output[key]).all()]
        mend = (
            "an input image holds NaN or Inf: check the data"
            if "image" in spoilt
            else "lower learning_rate (a tenth is a good try), or switch amp off"
        )
        raise InputError(
            f"the loss is {loss.item()} at epoch {engine.state.epoch}, iteration {engine.state.iteration} (not finite: "
            f"{', '.join([*spoilt, 'loss'])}); training stopped before the weights changed, the last checkpoint is "
            f"kept. Likely mend: {mend}"
        )
