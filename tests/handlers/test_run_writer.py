from __future__ import annotations

from ignite.engine import Engine, Events
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.handlers import RunWriter


def train(folder, epochs: int, done: int = 0, value: float = 0.0) -> None:
    """Four steps an epoch, each of which writes a point; from the end of epoch ``done`` on."""
    engine = Engine(lambda engine, batch: None)
    writer = RunWriter(folder)
    writer.attach(engine)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: writer.add_scalar("loss", value, engine.state.iteration)
    )
    if done:
        engine.load_state_dict({"iteration": 4 * done, "epoch_length": 4, "max_epochs": epochs})
    engine.run([0] * 4, max_epochs=epochs)
    writer.close()


def points(folder) -> list[tuple[int, float]]:
    return [(e.step, e.value) for e in EventAccumulator(str(folder)).Reload().Scalars("loss")]


def test_what_a_resumed_run_repeats_is_shown_once(tmp_path):
    train(tmp_path, epochs=2)
    train(tmp_path, epochs=3, done=1, value=1.0)
    assert points(tmp_path) == [(step, float(step > 4)) for step in range(1, 13)]


def test_there_is_one_file_and_none_before_an_epoch_starts(tmp_path):
    folder = tmp_path / "tensorboard"
    RunWriter(folder).close()
    assert not folder.exists()
    train(folder, epochs=2)
    assert len(list(folder.iterdir())) == 1


def test_it_can_be_written_to_before_and_after_an_epoch(tmp_path):
    writer = RunWriter(tmp_path)
    writer.add_scalar("loss", 0.5, 1)
    writer.close()
    writer.close()
    assert points(tmp_path) == [(1, 0.5)]
