from __future__ import annotations

import operator

import pytest
import torch
import tqdm.std
from ignite.engine import Engine, Events
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.engines import prepare_reconstruction
from imgae_monai.handlers import RunProgressBar, progress_bar


class Clock:
    """The monotonic clock and the wall's, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.wall = 1e9

    def forward(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(tqdm.std, "time", lambda: clock.wall)
    return clock


def trainer_of(epochs: int, images: int = 2) -> SupervisedTrainer:
    """The network gives 0, so both losses are the images' own: 0.25 in training, 0.5 in validation."""
    network = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    validator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader([{"image": torch.full((1, 8, 8), 0.5)}], batch_size=1),
        network=network,
        key_val_metric={
            "val_loss": IgniteMetricHandler(loss_fn=nn.L1Loss(), output_transform=from_engine(["pred", "image"]))
        },
        metric_cmp_fn=operator.lt,
    )
    return SupervisedTrainer(
        device="cpu",
        max_epochs=epochs,
        train_data_loader=DataLoader([{"image": torch.full((1, 8, 8), 0.25)}] * images, batch_size=1),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.0),
        loss_function=nn.L1Loss(),
        prepare_batch=prepare_reconstruction,
        train_handlers=[ValidationHandler(1, validator), RunProgressBar(validator, "train tiny")],
        decollate=False,
    )


def shown(capsys) -> list[str]:
    """States of the one bar; a closed bar ends its line."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    return [state for state in captured.err.strip().split("\r") if state.strip()]


def test_counts_images_and_shows_epoch_speed_and_both_losses(capsys):
    trainer_of(3).run()
    states = shown(capsys)
    assert states[0].startswith("train tiny:   0%")
    assert "0/6" in states[0]
    assert "6/6" in states[-1]
    assert " images/s, epoch 3/3, loss=0.25000, val_loss=0.50000]" in states[-1]


def test_moves_within_a_long_epoch_with_the_time_left(capsys, clock):
    trainer = trainer_of(2, images=10)
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: clock.forward(1.0))
    trainer.run()
    states = shown(capsys)
    # it looks at the loss before the step's own second has passed
    assert any("4/20 [00:03<00:12,  1.33 images/s, epoch 1/2, loss=0.25000]" in state for state in states)
    assert any("14/20" in state and "epoch 2/2, loss=0.25000, val_loss=0.50000" in state for state in states)


def test_the_wall_clock_going_back_does_not_stop_it(capsys, clock):
    trainer = trainer_of(2, images=10)

    def back(engine: Engine) -> None:
        clock.wall -= 3600
        clock.forward(1.0)

    trainer.add_event_handler(Events.ITERATION_COMPLETED, back)
    trainer.run()
    states = shown(capsys)
    assert any("14/20" in state for state in states)
    assert "-" not in "".join(states)
    assert "20/20 [00:20<00:00" in states[-1]


def test_the_loss_is_looked_at_twice_a_second_at_most(clock, capsys):
    looks = []

    class Loss(nn.L1Loss):
        def forward(self, *args):
            loss = super().forward(*args)
            loss.item = lambda: looks.append(1) or 0.25
            return loss

    trainer = trainer_of(1, images=100)
    bar = RunProgressBar(Engine(lambda engine, batch: None), "train")
    engine = Engine(lambda engine, batch: {"image": [0], "loss": Loss()(torch.zeros(1), torch.ones(1))})
    bar.attach(engine)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: clock.forward(0.1))
    engine.run(trainer.data_loader, max_epochs=1)
    assert 15 <= len(looks) <= 21  # in ten seconds, and at the end


@pytest.mark.parametrize(
    ("event", "done"), [(Events.EPOCH_COMPLETED(once=2), "4/10"), (Events.ITERATION_COMPLETED(once=3), "3/10")]
)
@pytest.mark.parametrize("skip_completed", [False, True])
def test_closes_where_training_is_stopped_early(event, done, skip_completed, capsys):
    trainer = trainer_of(5)
    trainer.add_event_handler(event, lambda engine: engine.terminate(skip_completed))
    trainer.run()
    assert done in shown(capsys)[-1]


def test_goes_on_where_a_resumed_run_does(capsys):
    trainer = trainer_of(4)
    trainer.add_event_handler(
        Events.STARTED,
        lambda engine: engine.load_state_dict({"iteration": 4, "epoch_length": 2, "max_epochs": 4}),
    )
    trainer.run()
    states = shown(capsys)
    assert "4/8" in states[0]
    assert "epoch 3/4" in states[0]
    assert "8/8" in states[-1]


def test_a_second_run_gets_a_bar_of_its_own(capsys):
    trainer = trainer_of(2)
    trainer.run()
    shown(capsys)
    trainer.state.epoch = trainer.state.iteration = 0
    trainer.run()
    assert "4/4" in shown(capsys)[-1]


def test_nothing_is_drawn_outside_a_run(capsys):
    trainer = trainer_of(2)
    trainer.fire_event(Events.EPOCH_COMPLETED(once=1))
    trainer.fire_event(Events.COMPLETED)
    captured = capsys.readouterr()
    assert captured.err == ""


def test_an_exception_closes_the_bar_and_goes_on(capsys):
    trainer = Engine(lambda engine, batch: 1 / 0)
    bar = RunProgressBar(Engine(lambda engine, batch: None), "train")
    bar.attach(trainer)
    with pytest.raises(ZeroDivisionError):
        trainer.run(DataLoader([0]), max_epochs=2)
    assert bar._bar is None
    assert capsys.readouterr().err.endswith("\n")
