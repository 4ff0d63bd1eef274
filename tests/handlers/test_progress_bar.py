from __future__ import annotations

import operator

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.engines import prepare_reconstruction
from imgae_monai.handlers import EpochProgressBar


def trainer_of(epochs: int) -> SupervisedTrainer:
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
        train_data_loader=DataLoader([{"image": torch.full((1, 8, 8), 0.25)}] * 2, batch_size=1),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.0),
        loss_function=nn.L1Loss(),
        prepare_batch=prepare_reconstruction,
        train_handlers=[ValidationHandler(1, validator), EpochProgressBar(validator, "train tiny")],
        decollate=False,
    )


def shown(capsys) -> list[str]:
    """States of the one bar; a closed bar ends its line."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    return [state for state in captured.err.strip().split("\r") if state.strip()]


def test_counts_epochs_and_shows_both_losses(capsys):
    trainer_of(3).run()
    states = shown(capsys)
    assert states[0].startswith("train tiny:   0%")
    assert "0/3" in states[0]
    assert "3/3" in states[-1]
    assert "epoch" in states[-1]
    assert "loss=0.25000, val_loss=0.50000" in states[-1]


@pytest.mark.parametrize(
    ("event", "done"), [(Events.EPOCH_COMPLETED(once=2), "2/5"), (Events.ITERATION_COMPLETED(once=3), "1/5")]
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
    assert "2/4" in states[0]
    assert "4/4" in states[-1]


def test_a_second_run_gets_a_bar_of_its_own(capsys):
    trainer = trainer_of(2)
    trainer.run()
    shown(capsys)
    trainer.state.epoch = trainer.state.iteration = 0
    trainer.run()
    assert "2/2" in shown(capsys)[-1]


def test_nothing_is_drawn_outside_a_run(capsys):
    trainer = trainer_of(2)
    trainer.fire_event(Events.EPOCH_COMPLETED(once=1))
    trainer.fire_event(Events.COMPLETED)
    captured = capsys.readouterr()
    assert captured.err == ""


def test_an_exception_closes_the_bar_and_goes_on(capsys):
    trainer = Engine(lambda engine, batch: 1 / 0)
    bar = EpochProgressBar(Engine(lambda engine, batch: None), "train")
    bar.attach(trainer)
    with pytest.raises(ZeroDivisionError):
        trainer.run([0], max_epochs=2)
    assert bar._bar is None
    assert capsys.readouterr().err.endswith("\n")
