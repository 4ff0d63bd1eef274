from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import GradientAccumulationHandler, GradientNormHandler
from tests.handlers.small_training import images, make_trainer, network


class OneWeight(torch.nn.Module):
    """Its reconstruction is two weights times the image, so that gradients can be worked out by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (3 * self.a + 4 * self.b) * x


def train(net, limit, **settings):
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    handler = GradientNormHandler(limit)
    trainer = make_trainer(net, optimizer, [GradientAccumulationHandler(), handler], **settings)
    norms: list = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: norms.append(getattr(e.state, "grad_norm", None)))
    trainer.run()
    return norms


def gradient_norm(n: int) -> float:
    """d/da mean((3 a x - x)^2) at 0 is -6 mean(x^2), d/db is -8 mean(x^2): a right triangle of 6, 8, 10."""
    return 10 * torch.stack([item["image"] for item in images(n)]).square().mean().item()


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0, 2.0, None])
def test_a_longer_gradient_is_scaled_down_and_a_shorter_one_is_not(share):
    net = OneWeight()
    norm = gradient_norm(4)
    limit = None if share is None else share * norm
    (seen,) = train(net, limit, n_images=4, batch_size=4)
    assert seen.shape == ()
    assert seen.item() == pytest.approx(norm, rel=1e-9)  # before clipping
    length = min(1.0, share or 1.0) * norm
    assert (net.a.item(), net.b.item()) == pytest.approx((0.6 * length, 0.8 * length), rel=1e-4)


def test_the_norm_is_that_of_the_step_and_not_of_its_parts():
    norms = train(OneWeight(), None, n_images=5, batch_size=1, accumulation_steps=4)
    assert norms[:3] == [None] * 3
    assert norms[3].item() == pytest.approx(gradient_norm(4), rel=1e-9)
    assert norms[4] is not norms[3]  # the last, incomplete group makes a step too


def test_a_clipped_group_of_batches_is_a_clipped_large_batch():
    one, other = network(), network()
    train(one, 0.01, n_images=7, batch_size=2, accumulation_steps=2)
    train(other, 0.01, n_images=7, batch_size=4)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


class Scaler:
    """A gradient scaler as MONAI's trainer uses it, which needs no GPU."""

    def __init__(self) -> None:
        self.unscaled = 0

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        return 1024 * loss

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        self.unscaled += 1
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad /= 1024

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.step()

    def update(self) -> None:
        pass


def test_gradients_are_unscaled_once_before_they_are_clipped():
    norm = gradient_norm(4)
    net = OneWeight()
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    trainer = make_trainer(
        net,
        optimizer,
        [GradientAccumulationHandler(), GradientNormHandler(0.5 * norm)],
        batch_size=2,
        accumulation_steps=2,
    )
    trainer.amp, scaler = True, Scaler()
    trainer.add_event_handler(Events.STARTED, lambda e: setattr(e, "scaler", scaler))
    trainer.run()
    assert trainer.state.grad_norm.item() == pytest.approx(norm, rel=1e-9)
    assert (net.a.item(), net.b.item()) == pytest.approx((0.3 * norm, 0.4 * norm), rel=1e-4)
    assert scaler.unscaled == 1


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_limit_that_makes_no_sense_is_refused(limit):
    with pytest.raises(InputError, match="max_grad_norm must be above 0, or none for no clipping, got"):
        GradientNormHandler(limit)
