from __future__ import annotations

import math

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from imgae_monai.optimizers import build_lr_scheduler, build_optimizer


def optimizer() -> torch.optim.Optimizer:
    return build_optimizer([torch.nn.Parameter(torch.ones(1))], "sgd", lr=0.8)


def rates(n: int, **settings) -> list[float]:
    """Learning rate of each of ``n`` epochs."""
    sgd = optimizer()
    scheduler = build_lr_scheduler(sgd, **settings)
    seen = []
    for _ in range(n):
        seen.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step(1.0) if isinstance(scheduler, ReduceLROnPlateau) else scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "constant", "epochs": 4}, [0.8] * 4),
        ({"name": "step", "epochs": 5, "step": 2, "factor": 0.5}, [0.8, 0.8, 0.4, 0.4, 0.2]),
        ({"name": "step", "epochs": 4, "step": 1, "factor": 0.1}, [0.8, 0.08, 0.008, 0.0008]),
        ({"name": "cosine", "epochs": 4}, [0.4 * (1 + math.cos(math.pi * t / 4)) for t in range(4)]),
        (
            {"name": "cosine", "epochs": 6, "warmup_epochs": 2},
            [0.4 * (1 + math.cos(math.pi * t / 4)) for t in range(5)],
        ),
        # the first value sets the best, the next two are the patience, the one after that is too much
        ({"name": "plateau", "epochs": 6, "factor": 0.25, "patience": 2}, [0.8, 0.8, 0.8, 0.8, 0.2, 0.2]),
    ],
)
def test_the_learning_rate_of_each_epoch(settings, expected):
    assert rates(len(expected), **settings) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "cosin"}, "did you mean 'cosine'"),
        ({"epochs": 5, "warmup_epochs": 5}, r"warmup_epochs must be 0 or more and fewer than epochs \(5\), got 5"),
        ({"epochs": 5, "warmup_epochs": -1}, "warmup_epochs must be 0 or more"),
        ({"name": "step", "step": 0}, "lr_step must be at least 1 epoch, got 0"),
        ({"name": "step", "factor": 1.0}, "lr_factor must be above 0 and below 1, got 1.0"),
        ({"name": "plateau", "factor": 0.0}, "lr_factor must be above 0 and below 1, got 0.0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_lr_scheduler(optimizer(), **settings)
