"""End a run on SIGTERM or Ctrl-C between two steps."""

from __future__ import annotations

import logging
import re
import signal
import threading
from types import FrameType
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Trainer

from imgae_monai.engines.processes import largest_everywhere, noticing_deaths, smallest_everywhere
from imgae_monai.engines.run_folder import resume_points
from imgae_monai.exceptions import Stopped
from imgae_monai.handlers.resume_point_saver import ResumePointSaver

logger = logging.getLogger(__name__)

_WORKER_GONE = re.compile(r"DataLoader worker .* (?:is killed by signal|exited unexpectedly)")


class StopSignalHandler:
    """On a signal save what is done, then raise :py:class:`imgae_monai.exceptions.Stopped`.

    Where the epoch before has a resume point, the step is finished and the run ends, as whoever signals may not wait
    for long. Where it has none (``save_interval``), the epoch is finished and saved first. A second signal ends the run
    at once.

    Before and after the engine's run, signals do what they did before, also where an error ends it: start the engine by
    :py:meth:`run`, since ignite gives an error to one handler only. Where the signal went to the loader's workers too,
    as a batch system sends it, their end is no error. Signals are for a program's main thread alone: elsewhere this
    handler does nothing. Of several processes all end after the same step, whichever of them got the signal.

    Args:
        saver: of the resume points; without one no point is looked for.
    """

    def __init__(self, saver: ResumePointSaver | None = None) -> None:
        self.saver = saver
        self._received: int | None = None
        self._told = False
        self._before: dict[int, Any] = {}

    def run(self, trainer: Trainer) -> None:
        """Attach this to a trainer and run it.

        Raises:
            InputError: when another process that trains with this one is gone.
            Stopped: after a signal.
        """
        self.attach(trainer)
        try:
            with noticing_deaths():
                trainer.run()
        except RuntimeError as e:
            if self._received is None or not _WORKER_GONE.search(str(e)):
                raise
            raise Stopped(self._received) from e
        finally:
            self._unwatch()

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the saver and all that acts at an epoch's end."""
        engine.add_event_handler(Events.STARTED, self._watch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._check)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        engine.add_event_handler(Events.EPOCH_STARTED, self._check)
        engine.add_event_handler(Events.COMPLETED, self._stop)
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

    def _agree(self) -> None:
        """Take over a signal that another process got."""
        self._received = largest_everywhere(self._received or 0) or None

    def _check(self, engine: Engine) -> None:
        self._agree()
        if self._received is None:
            return
        if self._is_saved(engine.state.epoch - 1):
            self._stop()
        elif not self._told:
            self._told = True
            logger.warning("epoch %d is finished and saved first; a second signal ends it at once", engine.state.epoch)

    def _end_epoch(self, engine: Engine) -> None:
        self._agree()
        if self._received is None:
            return
        if self.saver is not None and not self._is_saved(engine.state.epoch):
            self.saver.interval_completed(engine)
        self._stop()

    def _is_saved(self, epoch: int) -> bool:
        """Whether the run can go on from the end of an epoch, or there is nothing to go on from or with."""
        if self.saver is None or epoch == 0:
            return True
        points = resume_points(self.saver.save_dir)
        saved = bool(points) and points[0].name == f"checkpoint_epoch={epoch}.pt"
        return smallest_everywhere(int(saved)) == 1

    def _stop(self, engine: Engine | None = None) -> None:
        if self._received is not None:
            self._unwatch()
            raise Stopped(self._received)
