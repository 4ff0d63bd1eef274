from __future__ import annotations

import math

import pytest
import torch

from imgae_monai.optimizers import build_optimizer


def weights_after_two_steps(**settings) -> list[float]:
    """A weight of 1 with the gradient 0.5, always."""
    weight = torch.nn.Parameter(torch.ones((), dtype=torch.float64))
    optimizer = build_optimizer([weight], lr=0.1, **settings)
    weights = []
    for _ in range(2):
        weight.grad = torch.tensor(0.5, dtype=torch.float64)
        optimizer.step()
        weights.append(weight.item())
    return weights


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # a constant gradient moves Adam by the learning rate, whatever its size
        ({"name": "adam"}, [0.9, 0.8]),
        ({"name": "adam", "momentum": 0.5}, [0.9, 0.8]),
        # the decay shrinks the weight by lr * decay beside that
        ({"name": "adamw", "weight_decay": 0.2}, [0.98 - 0.1, 0.98 * 0.88 - 0.1]),
        ({"name": "sgd", "momentum": 0.0}, [0.95, 0.9]),
        ({"name": "sgd"}, [0.95, 0.95 - 0.1 * (0.9 * 0.5 + 0.5)]),
        ({"name": "sgd", "momentum": 0.5, "weight_decay": 0.2}, [0.93, 0.93 - 0.1 * (0.5 * 0.7 + 0.5 + 0.2 * 0.93)]),
    ],
)
def test_steps_are_those_of_the_papers(settings, expected):
    assert weights_after_two_steps(**settings) == pytest.approx(expected, abs=1e-7)


def test_adams_penalty_goes_through_its_normalisation():
    weight_decay = 0.2
    first, second = weights_after_two_steps(name="adam", weight_decay=weight_decay)
    assert first == pytest.approx(0.9, abs=1e-7)  # and adamw would be at 0.88
    g1, g2 = 0.5 + weight_decay * 1.0, 0.5 + weight_decay * 0.9
    mean = (0.9 * 0.1 * g1 + 0.1 * g2) / (1 - 0.9**2)
    square = (0.999 * 0.001 * g1**2 + 0.001 * g2**2) / (1 - 0.999**2)
    assert second == pytest.approx(0.9 - 0.1 * mean / (math.sqrt(square) + 1e-8), abs=1e-7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "adm"}, "did you mean 'adam'"),
        ({"name": "sgd", "momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ({"name": "sgd", "momentum": -0.1}, r"momentum must be in \[0, 1\), got -0.1"),
        ({"lr": -1.0}, "learning_rate must be above 0, got -1.0"),
        ({"weight_decay": -1.0}, "Invalid weight_decay value: -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_optimizer([torch.nn.Parameter(torch.ones(1))], **settings)


def test_a_learning_rate_that_trains_nothing_is_refused():
    with pytest.raises(ValueError, match="learning_rate must be above 0, got 0"):
        build_optimizer([torch.nn.Parameter(torch.zeros(1))], lr=0)
