from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.transforms.residuals import input_gradient
from tests.transforms.residuals.pairs import random_pair
from tests.transforms.residuals.small_network import SmallNetwork


def halve() -> nn.Module:
    net = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(net.weight, 0.5)
    return net


def test_by_hand():
    """(x - x/2)^2 has the derivative x/2."""
    image = torch.tensor([[[[0.0, 0.5], [1.0, -1.0]]]])
    expected = torch.tensor([[[[0.0, 0.25], [0.5, 0.5]]]])
    torch.testing.assert_close(input_gradient(halve(), image), expected)


def test_it_is_that_of_finite_differences():
    net, image = SmallNetwork().double(), random_pair(1, 1, 8, 8)[0].double()
    step = 1e-5 * torch.eye(64, dtype=torch.float64).reshape(64, 1, 8, 8)
    with torch.no_grad():
        up, down = ((x - net(x)).square().sum(dim=(1, 2, 3)) for x in (image + step, image - step))
    expected = ((up - down) / 2e-5).abs().reshape(1, 1, 8, 8)
    assert expected.max() > 0.01
    torch.testing.assert_close(input_gradient(net, image), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_where_an_evaluator_calls_it(mode):
    net = SmallNetwork().train()
    expected = input_gradient(SmallNetwork(), random_pair(1, 1, 8, 8)[0])
    with mode():
        image = random_pair(1, 1, 8, 8)[0] * 1  # an inference tensor in its mode
        out = input_gradient(net, image)
    assert torch.equal(out, expected)
    assert not out.requires_grad
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    assert not image.requires_grad


def test_an_image_does_not_count_for_another():
    images = random_pair(3, 1, 8, 8)[0]
    torch.testing.assert_close(input_gradient(SmallNetwork(), images)[1:2], input_gradient(SmallNetwork(), images[1:2]))


def test_it_has_a_derivative_where_that_is_asked_for():
    """Of x/2, by hand."""
    image = torch.tensor([[[[0.2, -0.5]]]], requires_grad=True)
    (gradient,) = torch.autograd.grad(input_gradient(halve(), image).sum(), image)
    torch.testing.assert_close(gradient, torch.tensor([[[[0.5, -0.5]]]]))


def test_channels_are_averaged_and_volumes_taken():
    out = input_gradient(SmallNetwork(3, channels=2), random_pair(1, 2, 4, 4, 6)[0])
    assert out.shape == (1, 1, 4, 4, 6)
    assert out.min() >= 0
