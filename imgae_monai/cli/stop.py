"""SIGTERM ends a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from imgae_monai.exceptions import Stopped


@contextmanager
def stop_on_sigterm() -> Iterator[None]:
    """Raise :py:class:`imgae_monai.exceptions.Stopped` on SIGTERM, so that files are closed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
