"""Keep a tracker that fails from ending the run."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

from ignite.engine import Engine
from ignite.engine.events import RemovableEventHandle

from imgae_monai.engines.processes import is_first_process
from imgae_monai.handlers.run_events import RunEvents

logger = logging.getLogger(__name__)


class TrackerGuard:
    """Attach trackers (TensorBoard, MLflow, W&B) to an engine so that none of them can end its run.

    The first exception of a tracker, as it is built, attached or called, is logged as a warning and switches that
    tracker off for the rest of the run: a file in the place of its folder, a full disk, a server that is gone. Ignite
    and MONAI let any of them end a training. Ctrl-C and signals pass. Only what merely watches belongs here. Of several
    processes the first one tracks.

    Args:
        trackers: handlers, or functions without arguments that build one (``"_mode_": "callable"`` in a config), so
            that building is guarded too; None is passed over.
    """

    def __init__(self, trackers: Sequence[Any]) -> None:
        self.trackers = [tracker for tracker in trackers if tracker is not None]

    def attach(self, engine: Engine) -> None:
        """Args: engine: the engine that is tracked; it gets :py:class:`RunEvents`."""
        engine.register_events(*RunEvents)
        if not is_first_process():
            return
        for tracker in self.trackers:
            switch = _Switch(_name(tracker))
            switch.call(_attach, tracker, _GuardedEngine(engine, switch))


class _Switch:
    """Calls functions until one of them fails."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on = True

    def call(self, function: Callable, *args: Any, **kwargs: Any) -> Any:
        if not self.on:
            return None
        try:
            return function(*args, **kwargs)
        except Exception as e:
            self.on = False
            text = " ".join(str(e).split())
            logger.warning(
                "%s is off for the rest of this run, which goes on without it: %s: %s",
                self.name,
                type(e).__name__,
                text,
            )
            logger.debug("traceback", exc_info=True)
            return None


class _GuardedEngine:
    """An engine to whoever attaches handlers to it; those are called through a switch."""

    def __init__(self, engine: Engine, switch: _Switch) -> None:
        self._engine = engine
        self._switch = switch

    def add_event_handler(self, event_name: Any, handler: Callable, *args: Any, **kwargs: Any) -> RemovableEventHandle:
        def guarded(*args: Any, **kwargs: Any) -> None:
            self._switch.call(handler, *args, **kwargs)

        # ignite looks at the signature to see whether a handler takes the engine
        functools.update_wrapper(guarded, handler, updated=())
        return self._engine.add_event_handler(event_name, guarded, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _is_built(tracker: Any) -> bool:
    return hasattr(tracker, "attach") and not isinstance(tracker, type)


def _attach(tracker: Any, engine: _GuardedEngine) -> None:
    (tracker if _is_built(tracker) else tracker()).attach(engine)


def _name(tracker: Any) -> str:
    if _is_built(tracker):
        return type(tracker).__name__
    return getattr(getattr(tracker, "func", tracker), "__name__", repr(tracker))
