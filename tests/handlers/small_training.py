"""A trainer of the real kind on a few tiny images, to attach one handler to."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.engines import prepare_reconstruction


def images(n: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    drawn = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return [{"image": image} for image in drawn]


def network() -> nn.Module:
    """Without dropout or batch norm, so that the gradient of a batch is the mean of its images' gradients."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Tanh(), nn.Conv2d(2, 1, 3, padding=1)).double()


def make_validator(net: nn.Module) -> SupervisedEvaluator:
    return SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(images(2, seed=1), batch_size=2),
        network=net,
        key_val_metric={
            "val_loss": IgniteMetricHandler(loss_fn=nn.MSELoss(), output_transform=from_engine(["pred", "image"]))
        },
        metric_cmp_fn=operator.lt,
    )


def make_trainer(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    handlers: Sequence[Any] = (),
    n_images: int = 4,
    batch_size: int = 2,
    epochs: int = 1,
    validator: SupervisedEvaluator | None = None,
    val_interval: int = 1,
    accumulation_steps: int = 1,
) -> SupervisedTrainer:
    validation = [] if validator is None else [ValidationHandler(val_interval, validator)]
    return SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DataLoader(images(n_images), batch_size=batch_size),
        network=net,
        optimizer=optimizer,
        loss_function=nn.MSELoss(),
        prepare_batch=prepare_reconstruction,
        train_handlers=[*validation, *handlers],
        decollate=False,
        accumulation_steps=accumulation_steps,
    )
