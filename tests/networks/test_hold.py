from __future__ import annotations

import doctest

import pytest
import torch
from torch import nn

from imgae_monai.networks import hold
from imgae_monai.networks.hold import hold_statistics, hold_weights


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 1, 3))


def images(shift: float = 0.0) -> torch.Tensor:
    return torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1)) + shift


def test_gradient_flows_through_weights_that_are_held():
    net = network()
    with hold_weights(net[2]):
        net(images()).sum().backward()
    expected = network()
    expected(images()).sum().backward()
    torch.testing.assert_close(net[0].weight.grad, expected[0].weight.grad)
    assert all(p.grad is None for p in net[2].parameters())
    assert all(p.requires_grad for p in net.parameters())


def test_weights_that_were_fixed_stay_fixed():
    net = network()
    net[0].weight.requires_grad_(False)
    with hold_weights(net):
        pass
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == ["0.weight"]


def test_held_statistics_stay_and_the_output_is_that_of_training():
    net = network()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    with hold_statistics(net):
        held = net(images(shift=3.0))
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    torch.testing.assert_close(net(images(shift=3.0)), held)
    assert not torch.equal(net[1].running_mean, before["1.running_mean"])


def test_in_evaluation_the_statistics_on_record_are_used_all_the_same():
    net = network()
    net(images(shift=3.0))
    net.eval()
    expected = net(images())
    with hold_statistics(net):
        torch.testing.assert_close(net(images()), expected)


def test_layers_without_statistics_stay_without():
    norm = nn.InstanceNorm2d(2)
    with hold_statistics(norm):
        pass
    assert norm.track_running_stats is False


@pytest.mark.parametrize("held", [hold_weights, hold_statistics])
def test_an_error_meanwhile_undoes_it_too(held):
    net = network()
    with pytest.raises(KeyError), held(net):
        raise KeyError
    assert net[1].track_running_stats
    assert all(p.requires_grad for p in net.parameters())


def test_docstring_examples_run():
    results = doctest.testmod(hold)
    assert results.attempted > 0
    assert results.failed == 0
