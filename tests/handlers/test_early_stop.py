from __future__ import annotations

import math
import operator

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.engines import prepare_reconstruction
from imgae_monai.handlers import ValidationEarlyStopHandler

ZEROS = [{"image": torch.zeros(1, 8, 8)} for _ in range(2)]
NAN = math.nan


def engines(losses: list[float], patience: int, min_delta: float = 0.0, interval: int = 1):
    """A trainer whose validation loss after epoch k is ``losses[k - 1]``: the network gives that constant."""
    network = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(network.weight)
    validator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(ZEROS, batch_size=2),
        network=network,
        key_val_metric={
            "val_loss": IgniteMetricHandler(loss_fn=nn.L1Loss(), output_transform=from_engine(["pred", "image"]))
        },
        metric_cmp_fn=operator.lt,
    )
    handler = ValidationEarlyStopHandler(validator, "val_loss", patience, min_delta)
    trainer = SupervisedTrainer(
        device="cpu",
        max_epochs=len(losses),
        train_data_loader=DataLoader(ZEROS, batch_size=2),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.0),
        loss_function=nn.L1Loss(),
        prepare_batch=prepare_reconstruction,
        train_handlers=[ValidationHandler(interval, validator), handler],
        decollate=False,
    )
    trainer.add_event_handler(
        Events.EPOCH_STARTED, lambda engine: nn.init.constant_(network.bias, losses[engine.state.epoch - 1])
    )
    return trainer, handler


@pytest.mark.parametrize(
    ("losses", "patience", "last"),
    [
        ([5, 4, 4, 4, 4, 4], 2, 4),
        ([5, 5, 5], 1, 2),
        ([5, 6, 4, 5, 6, 7], 2, 5),  # the fall at epoch 3 starts the count anew
        ([5, 2, 4, 3, 2.5, 1], 3, 5),  # falls that stay above the best are none
        ([6, 5, 4, 3, 2, 1], 1, 6),
        ([5, 4, 4, 3], 2, 4),
    ],
)
def test_stops_after_patience_validations_without_a_fall(losses, patience, last):
    trainer, _ = engines(losses, patience)
    trainer.run()
    assert trainer.state.epoch == last


@pytest.mark.parametrize(
    ("losses", "min_delta", "last"),
    [
        ([5, 4.5, 4, 3.5, 3], 0.0, 5),
        ([5, 4.5, 4, 3.5, 3], 0.25, 5),
        ([5, 4.5, 4, 3.5, 3], 0.5, 3),  # as much as min_delta is not more than it
        ([5, 4.5, 4, 3.5, 3], 1.0, 3),
        ([5, 4.5, 3, 2.5, 2.25, 2], 1.0, 5),
    ],
)
def test_a_fall_has_to_exceed_min_delta(losses, min_delta, last):
    trainer, _ = engines(losses, patience=2, min_delta=min_delta)
    trainer.run()
    assert trainer.state.epoch == last


@pytest.mark.parametrize(("interval", "last"), [(1, 3), (2, 6), (3, 9)])
def test_counts_validations_and_not_epochs(interval, last):
    trainer, _ = engines([4.0] * 12, patience=2, interval=interval)
    trainer.run()
    assert trainer.state.epoch == last


def validations_until_stop(losses: list[float | None], patience: int) -> int | None:
    """Feed the metric by hand: MONAI's loss metric leaves NaN out, other metrics don't."""
    trainer, handler = engines([1.0], patience)
    for count, loss in enumerate(losses, 1):
        trainer.state.epoch = count
        handler.validator.state.metrics["val_loss"] = loss
        handler(handler.validator)
        if trainer.should_terminate:
            return count
    return None


@pytest.mark.parametrize(
    ("losses", "last"),
    [
        ([5, NAN, NAN, 4], 3),
        ([NAN, NAN, NAN, 4], 3),
        ([5, None, 4, None, None, 3], 5),  # an undefined AUROC
        ([5, 4, 4, NAN, 3], 4),
        ([5, NAN, 4, NAN, 3], None),
        ([NAN, NAN, 4, 5, 3], None),
        ([5, math.inf, math.inf, 4], 3),
    ],
)
def test_a_metric_that_is_no_number_is_no_fall(losses, last):
    assert validations_until_stop(losses, patience=2) == last


def test_goes_on_counting_from_a_saved_state(tmp_path):
    first, handler = engines([4.0, 5.0], patience=3)
    first.run()
    torch.save(handler.state_dict(), tmp_path / "state.pt")
    # above the best so far: validations 2, 3 and 4 of the whole run don't fall
    second, resumed = engines([4.5] * 9, patience=3)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    second.run()
    assert second.state.epoch == 2
    fresh, _ = engines([4.5] * 9, patience=3)
    fresh.run()
    assert fresh.state.epoch == 4


def test_an_evaluation_without_a_training_does_not_count():
    trainer, handler = engines([1.0], patience=1)
    handler.validator.run()
    handler.validator.state.metrics.clear()  # it may be by another metric
    handler(handler.validator)
    assert handler.state_dict()["best_score"] is None
    trainer.run()
    assert handler.state_dict()["best_score"] == -1.0


def test_has_no_state_before_it_is_attached():
    handler = ValidationEarlyStopHandler(engines([1.0], 1)[1].validator, "val_loss", patience=2)
    with pytest.raises(RuntimeError, match="attach this handler to a trainer first"):
        handler.state_dict()
    with pytest.raises(RuntimeError, match="attach this handler to a trainer first"):
        handler.load_state_dict({"counter": 1, "best_score": -1.0, "threshold_mode": "abs"})


def test_a_run_that_had_stopped_stops_again_at_once():
    trainer, handler = engines([5, 4, 4, 4, 3], patience=2)
    trainer.run()
    assert trainer.state.epoch == 4
    state = {"early_stop": handler.state_dict(), "trainer": trainer.state_dict()}

    trainer, handler = engines([5, 4, 4, 4, 3], patience=2)

    def load(engine) -> None:
        engine.load_state_dict({**state["trainer"], "max_epochs": 5})
        handler.load_state_dict(state["early_stop"])

    trainer.add_event_handler(Events.STARTED, load)
    trainer.run()
    assert trainer.state.epoch == 4
