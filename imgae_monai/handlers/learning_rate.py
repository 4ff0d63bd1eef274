"""The one place where the learning rate changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from imgae_monai.exceptions import InputError


class LearningRateHandler:
    """Warm up linearly by iteration, then step a scheduler once an epoch.

    MONAI's ``LrScheduleHandler`` knows no warm-up, and sits on the validator for a plateau, on the trainer otherwise.
    During the warm-up the learning rate of the i-th of n iterations is i / n of the full one (Goyal et al. 2017,
    section 2.2, but from 0) and the scheduler stands still. Attach this to the trainer, after MONAI's
    ``ValidationHandler``, so that a plateau sees this epoch's metric, and before the resume point is saved.

    Args:
        lr_scheduler: its optimizer's learning rate is the full one.
        warmup_epochs: how long to warm up.
        validator: evaluator whose metric a ``ReduceLROnPlateau`` watches; it steps in epochs with a validation only.
        metric_name: name of that metric, smaller is better.
    """

    def __init__(
        self, lr_scheduler: LRScheduler, warmup_epochs: int, validator: Engine, metric_name: str = "val_loss"
    ) -> None:
        self.lr_scheduler = lr_scheduler
        self.warmup_epochs = warmup_epochs
        self.validator = validator
        self.metric_name = metric_name
        self._full = [group["lr"] for group in lr_scheduler.optimizer.param_groups]

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        if self.warmup_epochs:
            engine.add_event_handler(Events.ITERATION_STARTED, self._warm_up)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._step)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's."""
        return dict(self.lr_scheduler.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: when the schedule is another, or its end is: a cosine that has begun can't be stretched.
        """
        own = self.lr_scheduler.state_dict()
        if own.keys() != state_dict.keys():
            raise InputError("the run was started with another lr_schedule: resume it as it was started")
        if own.get("T_max") != state_dict.get("T_max"):
            raise InputError(
                f"lr_schedule cosine ends after {state_dict['T_max']} epochs (warm-up not counted) in this run, now it "
                f"would after {own['T_max']}: resume with the same epochs, or start a new run"
            )
        self.lr_scheduler.load_state_dict(dict(state_dict))

    def _warm_up(self, engine: Engine) -> None:
        total = self.warmup_epochs * engine.state.epoch_length
        if engine.state.iteration > total:
            return
        for group, full in zip(self.lr_scheduler.optimizer.param_groups, self._full, strict=True):
            group["lr"] = full * (engine.state.iteration / total)

    def _step(self, engine: Engine) -> None:
        if engine.state.epoch <= self.warmup_epochs:
            return
        if not isinstance(self.lr_scheduler, ReduceLROnPlateau):
            self.lr_scheduler.step()
        elif self.validator.state.epoch == engine.state.epoch:
            self.lr_scheduler.step(self.validator.state.metrics[self.metric_name])
