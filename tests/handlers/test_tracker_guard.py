from __future__ import annotations

import functools
import signal

import pytest
from ignite.engine import Engine, Events

from imgae_monai.exceptions import Stopped
from imgae_monai.handlers import RunEvents, TrackerGuard


class Tracker:
    """Counts its calls, and fails at the n-th of them; 0 as it is built, 1 as it is attached."""

    def __init__(self, fails_at: int = -1, error: BaseException | None = None) -> None:
        self.fails_at = fails_at
        self.error = error or OSError(28, "No space left on device", "events")
        self.calls = 0
        self._call()

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.fails_at + 1:
            raise self.error

    def attach(self, engine: Engine) -> None:
        self._call()
        engine.add_event_handler(Events.STARTED, self.without_engine)
        engine.add_event_handler(Events.EPOCH_COMPLETED(every=2), self.with_arguments, "a", b=2)
        engine.add_event_handler(RunEvents.FINISHED, self)

    def without_engine(self) -> None:
        self._call()

    def with_arguments(self, engine: Engine, a: str, b: int) -> None:
        assert isinstance(engine, Engine)
        assert (a, b) == ("a", 2)
        self._call()

    def __call__(self, engine: Engine) -> None:
        self._call()


def run(*trackers) -> int:
    """Epochs done of six."""
    engine = Engine(lambda engine, batch: None)
    TrackerGuard(trackers).attach(engine)
    engine.run([0], max_epochs=6)
    engine.fire_event(RunEvents.FINISHED)
    return engine.state.epoch


def test_a_tracker_is_called_as_ignite_would_call_it(caplog):
    tracker = Tracker()
    assert run(None, tracker) == 6
    assert tracker.calls == 1 + 1 + 1 + 3 + 1  # built, attached, started, every other epoch, finished
    assert caplog.text == ""


@pytest.mark.parametrize("fails_at", range(7))
def test_the_first_failure_switches_a_tracker_off_with_one_warning(fails_at, caplog):
    built = []
    other = Tracker()

    def build() -> Tracker:
        built.append(Tracker.__new__(Tracker))
        built[0].__init__(fails_at)
        return built[0]

    assert run(build, other) == 6
    assert built[0].calls == fails_at + 1
    assert other.calls == 7
    assert [r.getMessage() for r in caplog.records] == [
        "build is off for the rest of this run, which goes on without it: OSError: [Errno 28] No space left on device: "
        "'events'"
    ]


def test_a_partial_is_named_by_what_it_builds(caplog):
    run(functools.partial(Tracker, fails_at=0, error=RuntimeError("two\nlines")))
    assert "Tracker is off for the rest of this run, which goes on without it: RuntimeError: two lines" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stopped(signal.SIGTERM)])
def test_a_signal_passes(error):
    with pytest.raises(KeyboardInterrupt):
        run(Tracker(3, error))


def test_what_is_not_guarded_still_ends_the_run():
    engine = Engine(lambda engine, batch: None)
    TrackerGuard([Tracker()]).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.run([0])
