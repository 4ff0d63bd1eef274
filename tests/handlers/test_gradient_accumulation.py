from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from imgae_monai.handlers import GradientAccumulationHandler
from tests.handlers.small_training import images, make_trainer, network


def train(n_images: int, batch_size: int, steps: int, handlers=(), epochs: int = 2):
    """Trained weights, and the loss that each iteration left."""
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    trainer = make_trainer(
        net, optimizer, handlers, n_images=n_images, batch_size=batch_size, epochs=epochs, accumulation_steps=steps
    )
    losses: list[float] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda e: losses.append(e.state.output["loss"].item()))
    trainer.run()
    return torch.cat([p.detach().flatten() for p in net.parameters()]), losses


@pytest.mark.parametrize(
    ("n_images", "batch_size", "steps"),
    [
        (8, 2, 2),  # whole groups
        (10, 2, 2),  # the last group is one batch
        (9, 2, 2),  # ... of one image
        (7, 2, 2),  # the last group is a batch and a smaller one
        (11, 2, 4),
        (3, 2, 4),  # an epoch is less than a group
        (5, 5, 3),
    ],
)
def test_a_group_of_batches_is_one_large_batch(n_images, batch_size, steps):
    accumulated, _ = train(n_images, batch_size, steps, [GradientAccumulationHandler()])
    large, _ = train(n_images, batch_size * steps, 1)
    torch.testing.assert_close(accumulated, large, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_images", [10, 9, 7])
def test_monai_alone_does_not_do_it(n_images):
    """When this fails, MONAI has mended it: drop the handler."""
    accumulated, _ = train(n_images, 2, 2)
    large, _ = train(n_images, 4, 1)
    assert (accumulated - large).abs().max() > 1e-4


def test_whole_groups_are_left_as_monai_has_them_to_the_bit():
    assert torch.equal(train(8, 2, 2, [GradientAccumulationHandler()])[0], train(8, 2, 2)[0])


def test_the_loss_that_is_logged_is_the_batchs_own():
    _, losses = train(7, 2, 4, [GradientAccumulationHandler()], epochs=1)
    net = network()
    batch = torch.stack([item["image"] for item in images(7)])
    expected = [torch.nn.functional.mse_loss(net(x), x).item() for x in batch.split(2)]  # one step, at the end
    assert losses == pytest.approx(expected, abs=1e-12)
