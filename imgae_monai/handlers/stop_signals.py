"""End a run on SIGTERM or Ctrl-C between two steps."""

from __future__ import annotations

import re
import signal
import threading
from types import FrameType
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Trainer

from imgae_monai.exceptions import Stopped

_WORKER_GONE = re.compile(r"DataLoader worker .* (?:is killed by signal|exited unexpectedly)")


class StopSignalHandler:
    """Finish the step, or the epoch's end with its checkpoint, then raise :py:class:`imgae_monai.exceptions.Stopped`.

    A second signal ends the run at once. Before and after the engine's run, signals do what they did before, also where
    an error ends it: start the engine by :py:meth:`run`, since ignite gives an error to one handler only. Where the
    signal went to the loader's workers too, as a batch system sends it, their end is no error. Signals are for a
    program's main thread alone: elsewhere this handler does nothing.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._before: dict[int, Any] = {}

    def run(self, trainer: Trainer) -> None:
        """Attach this to a trainer and run it.

        Raises:
            Stopped: after a signal.
        """
        self.attach(trainer)
        try:
            trainer.run()
        except RuntimeError as e:
            if self._received is None or not _WORKER_GONE.search(str(e)):
                raise
            raise Stopped(self._received) from e
        finally:
            self._unwatch()

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.STARTED, self._watch)
        for event in (Events.ITERATION_COMPLETED, Events.EPOCH_STARTED, Events.COMPLETED):
            engine.add_event_handler(event, self._check)
        engine.add_event_handler(Events.COMPLETED, self._unwatch)

    def _watch(self, engine: Engine) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._received = None
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)

    def _unwatch(self, engine: Engine | None = None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received is not None:
            self._unwatch()
            raise Stopped(number)
        self._received = number

    def _check(self, engine: Engine) -> None:
        if self._received is not None:
            self._unwatch()
            raise Stopped(self._received)
