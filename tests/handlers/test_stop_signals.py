"""A signal ends a run between two steps."""

from __future__ import annotations

import functools
import signal
import threading
from pathlib import Path

import pytest
from ignite.engine import Engine, Events

from imgae_monai.engines import resume_points
from imgae_monai.exceptions import Stopped
from imgae_monai.handlers import StopSignalHandler


def engine_with(at: Events, number: int, times: int = 1) -> tuple[Engine, list[str]]:
    """An engine that is sent a signal at an event of its second epoch, and what it does."""
    done: list[str] = []
    engine = Engine(lambda engine, batch: done.append(f"step {engine.state.iteration}"))
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: done.append(f"epoch {e.state.epoch}"))
    StopSignalHandler().attach(engine)

    def send(engine: Engine) -> None:
        if engine.state.epoch == 2:
            for _ in range(times):
                signal.raise_signal(number)

    engine.add_event_handler(at, send)
    return engine, done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("at", "last"),
    [(Events.ITERATION_STARTED, "step 3"), (Events.EPOCH_COMPLETED, "epoch 2")],
)
def test_the_step_or_the_epochs_end_is_finished_first(number, at, last):
    before = signal.getsignal(number)
    engine, done = engine_with(at, number)
    with pytest.raises(Stopped) as e:
        engine.run([0, 1], max_epochs=3)
    assert e.value.signal_number == number
    assert done[-1] == last
    assert signal.getsignal(number) is before


def test_a_signal_in_the_last_epochs_end_is_not_lost():
    engine, done = engine_with(Events.EPOCH_COMPLETED, signal.SIGTERM)
    with pytest.raises(Stopped):
        engine.run([0, 1], max_epochs=2)
    assert done[-1] == "epoch 2"


def test_the_second_signal_ends_it_at_once():
    engine, done = engine_with(Events.ITERATION_STARTED, signal.SIGINT, times=2)
    with pytest.raises(Stopped):
        engine.run([0, 1], max_epochs=3)
    assert done[-1] == "epoch 1"


def test_without_a_signal_nothing_changes_and_another_thread_may_run():
    before = signal.getsignal(signal.SIGTERM)
    engine = Engine(lambda engine, batch: None)
    StopSignalHandler().attach(engine)
    engine.run([0], max_epochs=1)
    thread = threading.Thread(target=lambda: engine.run([0], max_epochs=2))
    thread.start()
    thread.join()
    assert engine.state.epoch == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_error_gives_signals_back_too():
    before = signal.getsignal(signal.SIGINT)

    def fail(engine: Engine, batch: int) -> None:
        assert signal.getsignal(signal.SIGINT) is not before
        raise ValueError("of the step")

    trainer = Engine(fail)
    trainer.run = functools.partial(trainer.run, [0], max_epochs=1)  # a MONAI trainer's takes no data
    with pytest.raises(ValueError, match="of the step"):
        StopSignalHandler().run(trainer)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("signalled", [True, False])
def test_the_end_of_workers_that_got_the_signal_too_is_no_error(signalled):
    def step(engine: Engine, batch: int) -> None:
        if signalled:
            signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated. ")

    trainer = Engine(step)
    trainer.run = functools.partial(trainer.run, [0], max_epochs=1)
    with pytest.raises(Stopped if signalled else RuntimeError):
        StopSignalHandler().run(trainer)


class _Saver:
    """Leaves a file an epoch, as the resume points' saver does."""

    def __init__(self, folder) -> None:
        self.save_dir = str(folder)

    def interval_completed(self, engine: Engine) -> None:
        (Path(self.save_dir) / f"checkpoint_epoch={engine.state.epoch}.pt").touch()


@pytest.mark.parametrize(
    ("interval", "last_step", "points"),
    [
        (1, 7, [2, 1]),  # in the first step of epoch 3, and epoch 2 is saved
        (2, 7, [2]),
        (5, 9, [3]),  # nothing is saved: epoch 3 is finished, and is
        (None, 7, []),
    ],
)
def test_a_run_ends_where_it_can_be_gone_on_with(tmp_path, interval, last_step, points):
    saver = _Saver(tmp_path)
    engine = Engine(lambda engine, batch: None)
    if interval is not None:
        engine.add_event_handler(Events.EPOCH_COMPLETED(every=interval), saver.interval_completed)
    StopSignalHandler(None if interval is None else saver).attach(engine)  # type: ignore[arg-type]
    engine.add_event_handler(Events.ITERATION_STARTED(once=7), lambda engine: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        engine.run([0, 1, 2], max_epochs=6)
    assert engine.state.iteration == last_step
    assert [int(path.stem.rpartition("=")[2]) for path in resume_points(tmp_path)] == points


def test_in_the_first_epoch_there_is_nothing_to_save(tmp_path):
    engine = Engine(lambda engine, batch: None)
    StopSignalHandler(_Saver(tmp_path)).attach(engine)  # type: ignore[arg-type]
    engine.add_event_handler(Events.ITERATION_STARTED(once=2), lambda engine: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        engine.run([0, 1, 2], max_epochs=6)
    assert engine.state.iteration == 2
