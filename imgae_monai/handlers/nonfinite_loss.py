"""Stop at the first loss that is not a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import IterationEvents
from monai.utils import CommonKeys as Keys

from imgae_monai.exceptions import InputError


class NonFiniteLossHandler:
    """Stop training at the first NaN or infinite loss, before it reaches the weights.

    Ignite's ``TerminateOnNan`` looks after the optimizer's step, when the weights are spoilt, and ends the run as if it
    had succeeded; this one raises between the loss and the backward pass, so that the last checkpoint stays the last
    good one. Where an image is not finite, its file is named. For a gradient that is not finite though the loss is, see
    :py:class:`imgae_monai.handlers.GradientNormHandler`.

    A validation that is not finite stops training too. Its reconstructions are looked at before its weights can be
    saved as the best: MONAI's loss metric leaves NaN out, and is 0 where there is nothing else.

    Args:
        validator: evaluator whose output ``pred`` and metric ``val_loss`` are watched, if any.
    """

    def __init__(self, validator: Engine | None = None) -> None:
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Args: engine: a MONAI trainer whose output has ``loss``."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)
        if self.validator is not None:
            self.validator.add_event_handler(IterationEvents.FORWARD_COMPLETED, self._check_reconstruction)
            self.validator.add_event_handler(Events.EPOCH_COMPLETED, self._check_validation, engine)

    @staticmethod
    def _check_reconstruction(engine: Engine) -> None:
        spoilt = _not_finite(engine)
        if spoilt:
            raise InputError(
                f"validation at epoch {engine.state.epoch} is not finite ({', '.join(spoilt)}); the last checkpoint is "
                f"kept. Likely mend: {_mend(spoilt)}"
            )

    @staticmethod
    def _check_validation(engine: Engine, trainer: Engine) -> None:
        if not trainer.state.epoch:  # an evaluation, and by another metric
            return
        val_loss = float(engine.state.metrics["val_loss"])
        if not math.isfinite(val_loss):
            raise InputError(
                f"the validation loss is {val_loss} at epoch {engine.state.epoch}: a validation image holds NaN or "
                "Inf, or the weights have diverged. Likely mend: check the data, or lower learning_rate"
            )

    def __call__(self, engine: Engine) -> None:
        """
        Raises:
            InputError: naming epoch, iteration, the loss and the likely mend.
        """
        loss = engine.state.output[Keys.LOSS]
        if torch.isfinite(loss).all():
            return
        spoilt = _not_finite(engine)
        raise InputError(
            f"the loss is {loss.item()} at epoch {engine.state.epoch}, iteration {engine.state.iteration} (not finite: "
            f"{', '.join([*spoilt, 'loss'])}); training stopped before the weights changed, the last checkpoint is "
            f"kept. Likely mend: {_mend(spoilt)}"
        )


def _not_finite(engine: Engine) -> list[str]:
    """What of an engine's output is not finite, images by their files where the batch names them."""
    output = engine.state.output
    spoilt = []
    if not torch.isfinite(output[Keys.IMAGE]).all():
        spoilt.append(" ".join(["image", *_files(engine.state.batch, output[Keys.IMAGE])]))
    if not torch.isfinite(output[Keys.PRED]).all():
        spoilt.append("reconstruction")
    return spoilt


def _files(batch: Any, images: torch.Tensor) -> list[str]:
    paths = batch.get("image_path", []) if isinstance(batch, Mapping) else []
    if len(paths) != len(images):
        return []
    return [str(path) for path, image in zip(paths, images, strict=True) if not torch.isfinite(image).all()]


def _mend(spoilt: list[str]) -> str:
    if any(name.startswith("image") for name in spoilt):
        return "an input image holds NaN or Inf: check the data"
    return "lower learning_rate (a tenth is a good try), or switch amp off"
