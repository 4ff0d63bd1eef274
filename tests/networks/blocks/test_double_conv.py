from __future__ import annotations

import doctest

import pytest
import torch

from imgae_monai.networks.blocks import DoubleConv, double_conv


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize(("in_channels", "out_channels"), [(1, 4), (4, 1)])
def test_keeps_the_size_and_changes_the_channels(spatial_dims, in_channels, out_channels):
    size = (5, 6, 7)[:spatial_dims]
    block = DoubleConv(spatial_dims, in_channels, out_channels)
    assert block(torch.rand(2, in_channels, *size)).shape == (2, out_channels, *size)


@pytest.mark.parametrize(("spatial_dims", "weights"), [(2, 9), (3, 27)])
def test_convolutions_have_no_bias(spatial_dims, weights):
    block = DoubleConv(spatial_dims, 2, 3)
    # two convolutions, and scale and shift of two batch norms
    assert sum(p.numel() for p in block.parameters()) == weights * (2 * 3 + 3 * 3) + 4 * 3


def test_order_is_normalization_activation_dropout():
    block = DoubleConv(2, 1, 2, act=("leakyrelu", {"negative_slope": 0.2}), norm="instance", dropout=0.3)
    kinds = [type(m).__name__ for m in block.modules() if not list(m.children())]
    assert kinds == [
        *("Conv2d", "InstanceNorm2d", "LeakyReLU", "Dropout2d"),
        *("Conv2d", "InstanceNorm2d", "LeakyReLU"),
    ]


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_dropout_zeroes_whole_channels(spatial_dims):
    torch.manual_seed(0)
    block = DoubleConv(spatial_dims, 1, 64, act=None, dropout=0.5)
    zeros = (block.conv_0(torch.rand(1, 1, *(6,) * spatial_dims)) == 0).flatten(2).float().mean(dim=2)
    assert set(zeros.unique().tolist()) == {0.0, 1.0}


def test_dropout_of_zero_and_none_change_nothing():
    x = torch.rand(2, 1, 8, 8)
    zero, none = DoubleConv(2, 1, 2, dropout=0), DoubleConv(2, 1, 2)
    none.load_state_dict(zero.state_dict())
    torch.testing.assert_close(zero(x), none(x))


def test_docstring_example_runs():
    results = doctest.testmod(double_conv)
    assert results.attempted > 0
    assert results.failed == 0
