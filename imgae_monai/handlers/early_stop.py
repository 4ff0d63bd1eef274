"""Early stopping on a validation metric for which smaller is better."""

from __future__ import annotations

import math

from ignite.engine import Engine
from ignite.handlers import EarlyStopping
from monai.handlers import EarlyStopHandler


class ValidationEarlyStopHandler(EarlyStopHandler):
    """Stop the trainer that it is attached to when the validator's metric has not fallen for ``patience`` validations.

    MONAI's handler sits on the validator and needs ``set_trainer`` from outside, which a config can't say without a
    circle and federated tools never call; this one is a handler of the trainer and finds both. Its counter and best
    score can be saved and loaded. An evaluation before the first epoch is none of training (MONAI builds the trainer of
    a workflow that only evaluates, to check its properties) and does not count.

    Args:
        validator: evaluator whose metric is watched.
        metric_name: name of the metric in ``validator.state.metrics``; smaller is better.
        patience: number of validations without an improvement after which training stops.
        min_delta: a fall below the best so far by this or less is no improvement, in the metric's unit; the best moves
            with it all the same, so that small falls don't add up.
    """

    def __init__(self, validator: Engine, metric_name: str, patience: int, min_delta: float = 0.0) -> None:
        super().__init__(
            patience=patience,
            score_function=lambda engine: _negated(engine.state.metrics[metric_name]),
            min_delta=min_delta,
        )
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        self.set_trainer(engine)
        super().attach(self.validator)

    def __call__(self, engine: Engine) -> None:
        """Args: engine: the validator, after a validation."""
        if self._ignite_handler().trainer.state.epoch:
            super().__call__(engine)

    def _ignite_handler(self) -> EarlyStopping:
        if self._handler is None:
            raise RuntimeError("attach this handler to a trainer first")
        return self._handler

    def state_dict(self) -> dict:
        """Counter and best score so far."""
        return dict(self._ignite_handler().state_dict())

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on counting from a saved state; where the count was at its end, the trainer stops again at once."""
        handler = self._ignite_handler()
        handler.load_state_dict(state_dict)
        if handler.counter >= handler.patience:
            handler.trainer.terminate()


def _negated(value: float | None) -> float:
    # ignite takes a NaN for an improvement, and whatever comes next for another
    return -math.inf if value is None or math.isnan(value) else -value
