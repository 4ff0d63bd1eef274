"""The one place where the learning rate changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from imgae_monai.exceptions import InputError


class LearningRateHandler:
    """Warm up linearly by iteration, then step a scheduler, or one for each optimizer, once an epoch.

    MONAI's ``LrScheduleHandler`` knows no warm-up, and sits on the validator for a plateau, on the trainer otherwise.
    During the warm-up the learning rate of the i-th of n iterations is i / n of the full one (Goyal et al. 2017,
    section 2.2, but from 0) and the scheduler stands still. Attach this to the trainer, after MONAI's
    ``ValidationHandler``, so that a plateau sees this epoch's metric, and before the resume point is saved.

    Args:
        lr_scheduler: its optimizer's learning rate is the full one. Several where the trainer has several optimizers.
        warmup_epochs: how long to warm up.
        validator: evaluator whose metric a ``ReduceLROnPlateau`` watches; it steps in epochs with a validation only.
        metric_name: name of that metric, smaller is better.
    """

    def __init__(
        self,
        lr_scheduler: LRScheduler | Sequence[LRScheduler],
        warmup_epochs: int,
        validator: Engine,
        metric_name: str = "val_loss",
    ) -> None:
        self.lr_schedulers = list(lr_scheduler) if isinstance(lr_scheduler, Sequence) else [lr_scheduler]
        self.warmup_epochs = warmup_epochs
        self.validator = validator
        self.metric_name = metric_name
        self._full = [[group["lr"] for group in s.optimizer.param_groups] for s in self.lr_schedulers]

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        if self.warmup_epochs:
            engine.add_event_handler(Events.ITERATION_STARTED, self._warm_up)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._step)

    def state_dict(self) -> dict[str, Any]:
        """The scheduler's, or those of several by their position."""
        states = [dict(scheduler.state_dict()) for scheduler in self.lr_schedulers]
        return states[0] if len(states) == 1 else {str(i): state for i, state in enumerate(states)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: when the schedule is another, or its end is: a cosine that has begun can't be stretched.
        """
        several = len(self.lr_schedulers) > 1
        states = [state_dict.get(str(i), {}) for i in range(len(self.lr_schedulers))] if several else [state_dict]
        for scheduler, state in zip(self.lr_schedulers, states, strict=True):
            _check_same_schedule(scheduler.state_dict(), state)
        for scheduler, state in zip(self.lr_schedulers, states, strict=True):
            scheduler.load_state_dict(dict(state))

    def _warm_up(self, engine: Engine) -> None:
        total = self.warmup_epochs * engine.state.epoch_length
        if engine.state.iteration > total:
            return
        for scheduler, rates in zip(self.lr_schedulers, self._full, strict=True):
            for group, full in zip(scheduler.optimizer.param_groups, rates, strict=True):
                group["lr"] = full * (engine.state.iteration / total)

    def _step(self, engine: Engine) -> None:
        if engine.state.epoch <= self.warmup_epochs:
            return
        for scheduler in self.lr_schedulers:
            if not isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step()
            elif self.validator.state.epoch == engine.state.epoch:
                scheduler.step(self.validator.state.metrics[self.metric_name])


def _check_same_schedule(own: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    if own.keys() != saved.keys():
        raise InputError("the run was started with another lr_schedule: resume it as it was started")
    if own.get("T_max") != saved.get("T_max"):
        raise InputError(
            f"lr_schedule cosine ends after {saved['T_max']} epochs (warm-up not counted) in this run, now it "
            f"would after {own['T_max']}: resume with the same epochs, or start a new run"
        )
