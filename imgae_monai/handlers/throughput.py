"""How many images a second an engine passes through."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ignite.engine import Engine, Events
from monai.utils import CommonKeys as Keys


class Throughput:
    """Keep the images a second of an engine's last epoch as ``engine.state.throughput``.

    From the epoch's start to its last step, loading included; a validation after that is not counted. By the monotonic
    clock, which never goes back.
    """

    def __init__(self) -> None:
        self._n_images = 0
        self._started = 0.0
        self._last = 0.0

    def attach(self, engine: Engine) -> None:
        """Args: engine: a trainer or an evaluator."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._count)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end)

    def _start(self, engine: Engine) -> None:
        self._n_images = 0
        self._started = self._last = time.monotonic()

    def _count(self, engine: Engine) -> None:
        self._n_images += n_images(engine)
        self._last = time.monotonic()

    def _end(self, engine: Engine) -> None:
        engine.state.throughput = self._n_images / max(self._last - self._started, 1e-9)


def n_images(engine: Engine) -> int:
    """Number of images of the step that an engine has just done; its output is a dictionary, or a list of them."""
    output = engine.state.output
    return len(output[Keys.IMAGE]) if isinstance(output, Mapping) else len(output)
