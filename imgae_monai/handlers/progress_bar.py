"""One progress bar for a whole training run."""

from __future__ import annotations

from ignite.engine import Engine, Events
from tqdm.auto import tqdm


class EpochProgressBar:
    """Show epochs done, the latest losses and the time left on standard error.

    Ignite's ``ProgressBar`` draws a bar an epoch; small models make hundreds of them. Attach this one before MONAI's
    ``StatsHandler``, which raises an exception on and keeps it from those behind it.

    Args:
        validator: evaluator whose key metric is shown beside the training loss.
        description: text in front of the bar.
    """

    def __init__(self, validator: Engine, description: str) -> None:
        self.validator = validator
        self.description = description
        self._bar: tqdm | None = None

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._open)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._step)
        engine.add_event_handler(Events.COMPLETED, self._close)
        engine.add_event_handler(Events.TERMINATE, self._close)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    def _open(self, engine: Engine) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=engine.state.max_epochs, initial=engine.state.epoch - 1, desc=self.description, unit="epoch"
            )

    def _step(self, engine: Engine) -> None:
        if self._bar is None:
            return
        metrics = self.validator.state.metrics
        shown = {name: f"{value:.5f}" for name, value in metrics.items() if isinstance(value, float)}
        self._bar.set_postfix(loss=f"{engine.state.output['loss'].item():.5f}", **shown)
        self._bar.update()

    def _close(self, engine: Engine) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _fail(self, engine: Engine, error: Exception) -> None:
        self._close(engine)  # or the error's message would stand at the end of the bar
        raise error
