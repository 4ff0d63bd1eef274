from __future__ import annotations

import itertools
import math
import operator
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import CheckpointSaver, IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.engines import prepare_reconstruction
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import GradientNormHandler, NonFiniteLossHandler

STEPS = 3  # an epoch


class SpoiltLoss(nn.Module):
    """Mean squared error, multiplied by a factor at one call."""

    def __init__(self, factor: float = 1.0, at: int = 0) -> None:
        super().__init__()
        self.factor, self.at, self.calls = factor, at, 0

    def forward(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (pred - target).square().mean() * (self.factor if self.calls == self.at else 1.0)


def trainer_of(loss: nn.Module, handlers: list, images: torch.Tensor | None = None, lr: float = 0.1):
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 3, padding=1)
    if images is None:
        images = torch.rand(2 * STEPS, 1, 8, 8)
    return SupervisedTrainer(
        device="cpu",
        max_epochs=3,
        train_data_loader=DataLoader(
            [{"image": image, "image_path": f"{i}.png"} for i, image in enumerate(images)], batch_size=2
        ),
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=lr),
        loss_function=loss,
        prepare_batch=prepare_reconstruction,
        train_handlers=handlers,
        decollate=False,
    )


def watched(folder: Path, values: list[float], images: torch.Tensor | None = None) -> SupervisedTrainer:
    """Validate after each epoch and keep the best weights; epoch k ends with the bias ``values[k - 1]``."""
    trainer = trainer_of(nn.L1Loss(), [])
    val_loss = IgniteMetricHandler(loss_fn=nn.L1Loss(), output_transform=from_engine(["pred", "image"]))
    images = torch.zeros(3, 1, 8, 8) if images is None else images
    saver = CheckpointSaver(
        str(folder),
        {"model": trainer.network},
        save_key_metric=True,
        key_metric_filename="model.pt",
        key_metric_negative_sign=True,
    )
    validator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader([{"image": image} for image in images], batch_size=2),
        network=trainer.network,
        key_val_metric={"val_loss": val_loss},
        metric_cmp_fn=operator.lt,
        val_handlers=[saver],
    )

    def spoil(engine: Engine) -> None:
        nn.init.zeros_(trainer.network.weight)
        nn.init.constant_(trainer.network.bias, values[engine.state.epoch - 1])

    trainer.add_event_handler(Events.ITERATION_COMPLETED(every=STEPS), spoil)
    ValidationHandler(1, validator).attach(trainer)
    NonFiniteLossHandler(validator).attach(trainer)
    return trainer


def weights(trainer: SupervisedTrainer) -> torch.Tensor:
    return nn.utils.parameters_to_vector(trainer.network.parameters()).detach().clone()


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("iteration", "epoch"), [(1, 1), (3, 1), (4, 2), (5, 2)])
def test_the_first_bad_loss_is_named_and_never_reaches_the_weights(value, iteration, epoch):
    trainer = trainer_of(SpoiltLoss(value, iteration), [NonFiniteLossHandler()])
    history = [weights(trainer)]
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: history.append(weights(engine)))
    with pytest.raises(InputError, match=rf"the loss is {value} at epoch {epoch}, iteration {iteration} \(not finite"):
        trainer.run()
    assert len(history) == iteration
    assert all(not torch.equal(before, after) for before, after in itertools.pairwise(history))
    assert torch.equal(weights(trainer), history[-1])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_without_the_handler_the_weights_would_be_spoilt(value):
    trainer = trainer_of(SpoiltLoss(value, 5), [])
    trainer.run()
    assert weights(trainer).isnan().any()


def test_the_checkpoint_before_is_kept(tmp_path):
    trainer = trainer_of(SpoiltLoss(math.nan, STEPS + 2), [GradientNormHandler()])
    CheckpointSaver(str(tmp_path), {"model": trainer.network}, save_interval=1).attach(trainer)
    kept = []
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: kept.append(weights(engine)))
    with pytest.raises(InputError, match="the last checkpoint is kept"):
        trainer.run()
    (path,) = Path(tmp_path).iterdir()
    trainer.network.load_state_dict(torch.load(path, weights_only=True))
    assert len(kept) == 1
    assert torch.equal(weights(trainer), kept[0])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_bad_image_sends_the_user_to_the_data(value):
    images = torch.rand(2 * STEPS, 1, 8, 8)
    images[3, 0, 1, 2] = value
    trainer = trainer_of(nn.MSELoss(), [NonFiniteLossHandler()], images)
    with pytest.raises(InputError, match=r"iteration 2 \(not finite: image 3\.png, reconstruction, loss\)") as e:
        trainer.run()
    assert str(e.value).endswith("Likely mend: an input image holds NaN or Inf: check the data")


class _SteepRoot(nn.Module):
    """A loss of 0 whose gradient is not finite from the n-th step on: the derivative of a root at 0."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n, self.calls = n, 0

    def forward(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return (pred - target).square().mean() if self.calls < self.n else (pred - pred.detach()).abs().sqrt().mean()


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(tmp_path):
    trainer = trainer_of(_SteepRoot(STEPS + 2), [GradientNormHandler()])
    CheckpointSaver(str(tmp_path), {"model": trainer.network}, save_interval=1).attach(trainer)
    history = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: history.append(weights(engine)))
    with pytest.raises(InputError, match=r"gradient is not finite at epoch 2, iteration 5, though the loss is \(0\)"):
        trainer.run()
    assert torch.equal(weights(trainer), history[-1])
    assert len(history) == STEPS + 1
    (path,) = Path(tmp_path).iterdir()
    trainer.network.load_state_dict(torch.load(path, weights_only=True))
    assert torch.equal(weights(trainer), history[STEPS - 1])


def test_with_a_scaler_the_gradient_is_the_scalers_business():
    trainer = trainer_of(_SteepRoot(2), [GradientNormHandler()])
    trainer.amp = True  # autocast to CUDA is passed over
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    trainer.add_event_handler(Events.STARTED, lambda engine: setattr(engine, "scaler", scaler))  # run() makes its own
    start = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=1), lambda engine: start.append(weights(engine)))
    trainer.run()
    assert trainer.state.iteration == 3 * STEPS
    assert torch.equal(weights(trainer), start[0])
    assert scaler.get_scale() < 2.0


def test_a_divergence_sends_the_user_to_the_learning_rate():
    trainer = trainer_of(nn.MSELoss(), [NonFiniteLossHandler()], lr=1e30)
    with pytest.raises(InputError, match=r"iteration 2 \(not finite: loss\)") as e:
        trainer.run()
    assert "Likely mend: lower learning_rate (a tenth is a good try), or switch amp off" in str(e.value)


def test_a_reconstruction_that_overflowed_is_told_apart_from_the_image():
    trainer = trainer_of(nn.MSELoss(), [NonFiniteLossHandler()])
    nn.init.constant_(trainer.network.bias, math.inf)
    with pytest.raises(InputError, match=r"\(not finite: reconstruction, loss\).*lower learning_rate"):
        trainer.run()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_diverge_at_the_end_of_an_epoch_are_not_kept_as_the_best(value, tmp_path):
    trainer = watched(tmp_path, [0.5, value, 0.25])
    with pytest.raises(
        InputError, match=r"validation at epoch 2 is not finite \(reconstruction\).*lower learning_rate"
    ):
        trainer.run()
    assert torch.load(tmp_path / "model.pt", weights_only=True)["bias"].item() == 0.5


def test_a_bad_validation_image_sends_the_user_to_the_data(tmp_path):
    images = torch.zeros(3, 1, 8, 8)
    images[2, 0, 1, 2] = math.nan
    trainer = watched(tmp_path, [0.5, 0.5, 0.5], images)
    with pytest.raises(
        InputError, match=r"validation at epoch 1 is not finite \(image, reconstruction\).*check the data"
    ):
        trainer.run()
    assert list(tmp_path.iterdir()) == []


def test_a_validation_loss_that_overflows_stops_training(tmp_path):
    trainer = watched(tmp_path, [0.5, 3e38, 0.25])
    with pytest.raises(InputError, match=r"the validation loss is inf at epoch 2.*or lower learning_rate"):
        trainer.run()
    assert torch.load(tmp_path / "model.pt", weights_only=True)["bias"].item() == 0.5


def test_a_finite_validation_is_left_alone(tmp_path):
    trainer = watched(tmp_path, [0.5, 0.75, 0.25])
    trainer.run()
    assert trainer.state.epoch == 3
    assert torch.load(tmp_path / "model.pt", weights_only=True)["bias"].item() == 0.25


def test_a_finite_run_is_left_alone():
    plain, guarded = trainer_of(nn.MSELoss(), []), trainer_of(nn.MSELoss(), [NonFiniteLossHandler()])
    start = weights(plain)
    plain.run()
    guarded.run()
    assert guarded.state.iteration == 3 * STEPS
    assert torch.equal(weights(plain), weights(guarded))
    assert not torch.equal(weights(guarded), start)
