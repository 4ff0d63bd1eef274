from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import LearningRateHandler
from imgae_monai.optimizers import build_lr_scheduler, build_optimizer
from tests.handlers.small_training import make_trainer, make_validator, network


class Run:
    """Two iterations an epoch; the validation losses are given, the learning rate of each step is written down."""

    def __init__(self, epochs: int, losses: list[float] | None = None, val_interval: int = 1, **schedule) -> None:
        net = network()
        self.optimizer = build_optimizer(net.parameters(), "sgd", lr=0.8)
        self.rates: list[float] = []
        warmup_epochs = schedule.get("warmup_epochs", 0)
        scheduler = build_lr_scheduler(self.optimizer, epochs=epochs, **schedule)
        validator = make_validator(net)
        self.handler = LearningRateHandler(scheduler, warmup_epochs, validator)
        self.trainer = make_trainer(
            net, self.optimizer, [self.handler], epochs=epochs, validator=validator, val_interval=val_interval
        )
        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, self._write_down)
        if losses is not None:
            validator.add_event_handler(
                Events.EPOCH_COMPLETED, lambda e: e.state.metrics.update(val_loss=losses[e.state.epoch - 1])
            )

    def _write_down(self, engine) -> None:
        self.rates.append(self.optimizer.param_groups[0]["lr"])


def run(epochs: int, **settings) -> list[float]:
    training = Run(epochs, **settings)
    training.trainer.run()
    return training.rates


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"name": "constant", "warmup_epochs": 2}, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8]),
        ({"name": "constant"}, [0.8] * 8),
        ({"name": "step", "step": 1, "factor": 0.5, "warmup_epochs": 1}, [0.4, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2]),
        # to 0 in the two epochs that the warm-up leaves: cos 0 = 1, cos 90 degrees = 0
        ({"name": "cosine", "warmup_epochs": 2}, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4]),
    ],
)
def test_warms_up_by_iteration_and_then_steps_by_epoch(schedule, expected):
    assert run(4, **schedule) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("losses", "settings", "expected"),
    [
        # with the loss of the epoch before, the fall would come an epoch later
        ([3, 4, 2, 1], {"patience": 0}, [0.8, 0.8, 0.4, 0.4]),
        ([3, 4, 4, 1], {"patience": 0}, [0.8, 0.8, 0.4, 0.2]),
        # during the warm-up nothing is a plateau, and its losses are no best
        ([1, 5, 4, 3], {"patience": 0, "warmup_epochs": 1}, [0.8, 0.8, 0.8, 0.8]),
        # the loss of an epoch without a validation counts once
        ([3, 3, 3, 4, 4, 5], {"patience": 0, "val_interval": 2}, [0.8, 0.8, 0.8, 0.8, 0.4, 0.4]),
    ],
)
def test_a_plateau_sees_this_epochs_validation(losses, settings, expected):
    rates = run(len(losses), losses=losses, name="plateau", **settings)
    assert rates[1::2] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", [{"name": "cosine"}, {"name": "step", "step": 2}, {"name": "plateau"}])
@pytest.mark.parametrize("warmup_epochs", [0, 3])
def test_a_run_goes_on_with_the_same_rates(schedule, warmup_epochs, tmp_path):
    settings = {**schedule, "warmup_epochs": warmup_epochs, "losses": [1, 2, 3, 4, 5, 6]}
    alone = run(6, **settings, patience=0)
    first = Run(6, **settings, patience=0)
    first.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=2), lambda e: e.terminate())
    first.trainer.run()
    state = {"handler": first.handler.state_dict(), "optimizer": first.optimizer.state_dict()}
    torch.save({**state, "trainer": first.trainer.state_dict()}, tmp_path / "state.pt")

    state = torch.load(tmp_path / "state.pt", weights_only=True)
    second = Run(6, **settings, patience=0)
    second.handler.load_state_dict(state["handler"])
    second.optimizer.load_state_dict(state["optimizer"])
    second.trainer.load_state_dict(state["trainer"])
    second.trainer.run()
    assert first.rates + second.rates == alone
    assert len(set(alone)) > 2


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            (6, {"name": "cosine"}),
            (8, {"name": "cosine"}),
            r"cosine ends after 6 epochs .*now it would after 8: resume",
        ),
        ((6, {"name": "cosine"}), (6, {"name": "cosine", "warmup_epochs": 2}), "ends after 6 epochs"),
        ((6, {"name": "cosine"}), (6, {"name": "step"}), "another lr_schedule"),
        ((6, {"name": "step"}), (6, {"name": "plateau"}), "another lr_schedule"),
    ],
)
def test_another_schedule_is_refused(before, after, message):
    (epochs, schedule), (new_epochs, new_schedule) = before, after
    state = Run(epochs, **schedule).handler.state_dict()
    with pytest.raises(InputError, match=message):
        Run(new_epochs, **new_schedule).handler.load_state_dict(state)


def test_more_epochs_of_a_stepped_schedule_are_fine():
    state = Run(6, name="step", step=1).handler.state_dict()
    Run(8, name="step", step=1).handler.load_state_dict(state)


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")  # nothing is trained by these optimizers
def test_one_handler_steps_several_schedulers():
    training = Run(3, name="constant")
    net = network()
    optimizers = [build_optimizer(net.parameters(), "sgd", lr=lr) for lr in (0.8, 0.2)]

    def handler() -> LearningRateHandler:
        schedulers = [build_lr_scheduler(o, "step", epochs=3, warmup_epochs=1, step=1) for o in optimizers]
        return LearningRateHandler(schedulers, 1, make_validator(net))

    several, again, alone = (
        handler(),
        handler(),
        LearningRateHandler(handler().lr_schedulers[0], 1, make_validator(net)),
    )
    several.attach(training.trainer)
    rates: list[float] = []
    training.trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: rates.extend(o.param_groups[0]["lr"] for o in optimizers)
    )
    training.trainer.run()
    assert rates == pytest.approx([0.4, 0.1, 0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.4, 0.1, 0.4, 0.1])
    again.load_state_dict(several.state_dict())
    assert [s.state_dict() for s in again.lr_schedulers] == [s.state_dict() for s in several.lr_schedulers]
    with pytest.raises(InputError, match="another lr_schedule"):
        again.load_state_dict(alone.state_dict())
