from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.handlers import RunWriter, TensorBoardCurves, tensorboard_curves


def trainer_of(n_groups: int = 1) -> Engine:
    """Its loss is the step's number, its learning rate the epoch's."""
    engine = Engine(lambda engine, batch: {"image": [0], "loss": torch.tensor(float(engine.state.iteration))})
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(n_groups)]
    engine.optimizer = torch.optim.SGD(groups, lr=0.0)

    def set_rate(engine: Engine) -> None:
        for group in engine.optimizer.param_groups:
            group["lr"] = engine.state.epoch

    def next_rate(engine: Engine) -> None:
        for group in engine.optimizer.param_groups:
            group["lr"] = 100.0

    engine.add_event_handler(Events.EPOCH_STARTED, set_rate)
    engine.add_event_handler(Events.EPOCH_COMPLETED, next_rate)
    return engine


def run(engine: Engine, folder, validator: Engine | None = None) -> dict[str, list[tuple[int, float]]]:
    writer = RunWriter(folder)
    TensorBoardCurves(writer, validator).attach(engine)
    engine.run([0] * 3, max_epochs=2)
    events = EventAccumulator(str(folder)).Reload()  # what was not flushed is not there
    writer.close()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_losses_by_step_and_the_rate_that_an_epoch_was_trained_with(tmp_path):
    assert run(trainer_of(), tmp_path) == {
        "train_loss": [(step, float(step)) for step in range(1, 7)],
        "learning_rate": [(1, 1.0), (2, 2.0)],
    }


def test_each_group_of_parameters_has_its_rate(tmp_path):
    logged = run(trainer_of(2), tmp_path)
    assert logged["learning_rate/group_0"] == logged["learning_rate/group_1"] == [(1, 1.0), (2, 2.0)]


def test_what_other_handlers_leave_in_the_state_is_written_by_epoch(tmp_path):
    engine, validator = trainer_of(), Engine(lambda engine, batch: None)

    def leave(engine: Engine) -> None:
        engine.state.grad_norm = torch.tensor(0.5 * engine.state.epoch)
        engine.state.throughput = 80.0
        engine.state.memory = {"process": 1_500_000}
        if engine.state.epoch == 2:  # validated every other epoch
            validator.state.epoch, validator.state.throughput = 2, 300.0

    engine.add_event_handler(Events.EPOCH_COMPLETED, leave)
    logged = run(engine, tmp_path, validator)
    assert logged["grad_norm"] == [(1, 0.5), (2, 1.0)]
    assert logged["throughput/train"] == [(1, 80.0), (2, 80.0)]
    assert logged["throughput/validation"] == [(2, 300.0)]
    assert logged["memory/process"] == [(1, 1.5), (2, 1.5)]


@pytest.mark.parametrize(("seconds", "flushes"), [(0.0, 2), (0.6, 2 + 2)])
def test_the_device_and_the_file_are_waited_for_once_a_second_at_most(seconds, flushes, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tensorboard_curves.time, "monotonic", lambda: now[0])
    engine = trainer_of()
    engine.add_event_handler(Events.ITERATION_STARTED, lambda engine: now.__setitem__(0, now[0] + seconds))
    writer = RunWriter(tmp_path)
    flushed = []
    monkeypatch.setattr(RunWriter, "flush", lambda self: flushed.append(1), raising=False)
    TensorBoardCurves(writer).attach(engine)
    engine.run([0] * 3, max_epochs=2)
    assert len(flushed) == flushes


def test_what_a_loss_consists_of_is_written_by_step(tmp_path):
    engine = trainer_of()

    def add_term(engine: Engine) -> None:
        engine.state.output["kl"] = 2 * engine.state.output["loss"]

    engine.add_event_handler(Events.ITERATION_COMPLETED, add_term)
    assert run(engine, tmp_path)["train_terms/kl"] == [(step, 2.0 * step) for step in range(1, 7)]
