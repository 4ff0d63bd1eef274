from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, interpolate

from imgae_monai.networks.nets import IntrospectiveAutoencoder, ReversedAutoencoder, UNetAutoencoder
from imgae_monai.transforms.residuals import feature_distance
from tests.transforms.residuals.pairs import random_pair
from tests.transforms.residuals.small_network import SmallNetwork

SIZES = {"spatial_dims": 2, "in_channels": 1, "out_channels": 1, "latent_size": 2, "img_size": 16}


class Channels(nn.Module):
    """An image's channels are its features, and their halves at half the size a second level."""

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x, nn.functional.avg_pool2d(x, 2) / 2]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([3.0, 4.0], [6.0, 8.0], 0.0),
        ([3.0, 4.0], [4.0, -3.0], 1.0),
        ([3.0, 4.0], [-3.0, -4.0], 2.0),
        ([3.0, 4.0], [4.0, 3.0], 1 - 24 / 25),
        ([0.0, 0.0], [4.0, 3.0], 0.5),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
    ],
)
def test_by_hand(first, second, expected):
    x, y = (torch.tensor(values).reshape(1, 2, 1, 1).expand(1, 2, 4, 4) for values in (first, second))
    torch.testing.assert_close(feature_distance(Channels(), x, y), torch.full((1, 1, 4, 4), expected))


def test_levels_are_brought_to_full_size_and_averaged():
    x, y = torch.ones(1, 2, 8, 8), torch.ones(1, 2, 8, 8)
    y[:, :, :, 4:] = torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1)
    out = feature_distance(Channels(), x, y)[0, 0]
    # the coarse level is 0 in two columns and 1 in two, linear between their centres
    coarse = torch.tensor([0.0, 0.0, 0.0, 0.25, 0.75, 1.0, 1.0, 1.0])
    fine = torch.tensor([0.0] * 4 + [1.0] * 4)
    torch.testing.assert_close(out, ((coarse + fine) / 2).expand(8, 8))


def test_it_is_one_minus_the_cosine_of_torch():
    net, (x, y) = SmallNetwork(), random_pair(2, 1, 16, 20)
    expected = torch.zeros(2, 1, 16, 20)
    with torch.no_grad():
        net.second[2] = nn.Tanh()  # no features that are zero throughout
        for first, second in zip(net.features(x), net.features(y), strict=True):
            distance = 1 - cosine_similarity(first, second, dim=1)[:, None]
            expected += interpolate(distance, (16, 20), mode="bilinear") / 2
    torch.testing.assert_close(feature_distance(net, x, y), expected, rtol=1e-4, atol=1e-6)


def test_the_network_runs_in_eval_mode_and_is_left_as_it_was():
    x, y = random_pair(1, 1, 16, 16)
    expected = feature_distance(SmallNetwork(), x, y)
    net = SmallNetwork().train()
    net.first[1].eval()  # as where a batch norm is frozen
    modes = [module.training for module in net.modules()]
    state = {key: value.clone() for key, value in net.state_dict().items()}
    assert torch.equal(feature_distance(net, x, y), expected)
    assert [module.training for module in net.modules()] == modes
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())


def test_no_graph_is_kept_unless_asked_for():
    net, (x, y) = SmallNetwork(), random_pair(1, 1, 16, 16)
    assert all(p.requires_grad for p in net.parameters())
    assert not feature_distance(net, x, y).requires_grad
    x.requires_grad_()
    with torch.no_grad():
        assert not feature_distance(net, x, y).requires_grad
    feature_distance(net, x, y).sum().backward()
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize(
    "net",
    [
        UNetAutoencoder(**SIZES, channels=(4, 8), strides=(2,)),
        ReversedAutoencoder(**SIZES, channels=(4, 8), strides=(1, 2), hidden_size=4),
        IntrospectiveAutoencoder(**SIZES, channels=(4, 8), strides=(2, 2)),
    ],
    ids=lambda net: type(net).__name__,
)
def test_every_network_of_ours_gives_features(net):
    x, y = random_pair(2, 1, 16, 16)
    out = feature_distance(net, x, y)
    assert out.shape == (2, 1, 16, 16)
    assert 0 < out.mean() <= 2
    assert torch.equal(feature_distance(net, x, x), torch.zeros_like(x))


def test_volumes():
    x, y = random_pair(1, 1, 8, 8, 10)
    out = feature_distance(SmallNetwork(3), x, y)
    assert out.shape == (1, 1, 8, 8, 10)
    assert out.min() >= 0
