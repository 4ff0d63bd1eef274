"""One progress bar for a whole training run."""

from __future__ import annotations

import time

from ignite.engine import Engine, Events
from tqdm.auto import tqdm

from imgae_monai.engines.processes import is_first_process
from imgae_monai.handlers.throughput import n_images

_SECONDS = 0.5  # between two states of the bar, each of which waits for the device once


class RunProgressBar:
    """Show images done, images a second, time left, the epoch and the latest losses on standard error.

    Ignite's ``ProgressBar`` draws a bar an epoch; small models make hundreds of them. This one is for the whole run and
    moves within an epoch. Speed and time left are averages since the run started or was resumed, validation included;
    time left is up to the last epoch, which early stopping may never reach. Attach it before MONAI's ``StatsHandler``,
    which raises an exception on and keeps it from those behind it. Of several processes the first one shows its own
    images and their number.

    Args:
        validator: evaluator whose key metric is shown beside the training loss.
        description: text in front of the bar.
    """

    def __init__(self, validator: Engine, description: str) -> None:
        self.validator = validator
        self.description = description
        self._bar: tqdm | None = None
        self._images = 0
        self._looked = 0.0

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._open)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch)
        engine.add_event_handler(Events.COMPLETED, self._close)
        engine.add_event_handler(Events.TERMINATE, self._close)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    def _open(self, engine: Engine) -> None:
        if self._bar is not None or not is_first_process():
            return
        self._images = len(engine.state.dataloader.dataset)
        self._bar = tqdm(
            total=engine.state.max_epochs * self._images,
            initial=(engine.state.epoch - 1) * self._images,
            desc=self.description,
            unit=" images",
            mininterval=_SECONDS,
            miniters=1,
            smoothing=0,
            postfix=f"epoch {engine.state.epoch}/{engine.state.max_epochs}",
        )
        # tqdm's own clock is the wall's: where that goes back, the bar would stand still
        self._bar._time = time.monotonic
        self._looked = self._bar.start_t = self._bar.last_print_t = time.monotonic()

    def _step(self, engine: Engine) -> None:
        if self._bar is None:
            return
        if time.monotonic() - self._looked >= _SECONDS:
            self._show(engine)
        self._bar.update(min(n_images(engine), engine.state.epoch * self._images - self._bar.n))

    def _show(self, engine: Engine) -> None:
        if self._bar is None:
            return
        metrics = {name: value for name, value in self.validator.state.metrics.items() if isinstance(value, float)}
        losses = {"loss": engine.state.output["loss"].item(), **metrics}
        shown = [f"{name}={value:.5f}" for name, value in losses.items()]
        epoch = f"epoch {engine.state.epoch}/{engine.state.max_epochs}"
        self._bar.set_postfix_str(", ".join([epoch, *shown]), refresh=False)
        self._looked = time.monotonic()

    def _epoch(self, engine: Engine) -> None:
        if self._bar is None:
            return
        self._show(engine)
        self._bar.update(engine.state.epoch * self._images - self._bar.n)  # also where images were left out

    def _close(self, engine: Engine) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _fail(self, engine: Engine, error: Exception) -> None:
        self._close(engine)  # or the error's message would stand at the end of the bar
        raise error
