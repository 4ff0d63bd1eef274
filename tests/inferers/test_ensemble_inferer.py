from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.engines import member_path
from imgae_monai.exceptions import InputError
from imgae_monai.inferers import EnsembleInferer


def layer(*weights: float) -> nn.Module:
    """Multiplies an image by one number an output channel."""
    network = nn.Conv2d(1, len(weights), 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor(weights).view(-1, 1, 1, 1))
    return network.eval()


def save(folder, *networks: nn.Module) -> None:
    for epoch, network in enumerate(networks, start=1):
        torch.save(network.state_dict(), member_path(folder, epoch))


def test_mean_and_standard_deviation_of_the_members(tmp_path):
    save(tmp_path, layer(0.5), layer(0.7), layer(0.9))
    images = torch.rand(2, 1, 4, 4)
    found = EnsembleInferer(tmp_path, 3)(images, layer(100.0))
    assert found.shape == (2, 3, 4, 4)
    torch.testing.assert_close(found[:, :1], 0.7 * images)
    assert (found[:, 1] == -1).all()
    # squares of 0.2, 0 and 0.2, over 3
    torch.testing.assert_close(found[:, 2:], (0.08 / 3) ** 0.5 * images)


def test_what_is_learned_beside_the_reconstruction_is_averaged(tmp_path):
    save(tmp_path, layer(0.4, 0.2), layer(0.8, 0.6))
    found = EnsembleInferer(tmp_path, 2)(torch.ones(1, 1, 2, 2), layer(0.0, 0.0))
    torch.testing.assert_close(found[0, :, 0, 0], torch.tensor([0.6, 0.4, 0.2]))


def test_one_member_is_the_network_itself(tmp_path):
    images = torch.rand(2, 1, 4, 4)
    network = layer(0.3)
    assert torch.equal(EnsembleInferer(tmp_path, 1)(images, network), network(images))


def test_the_network_is_left_as_it_was(tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).eval()
    save(tmp_path, network, network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = torch.rand(2, 1, 4, 4, requires_grad=True)
    EnsembleInferer(tmp_path, 2)(images, network).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert images.grad is not None
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(
    ("saved", "n_members", "message"),
    [
        ([layer(1.0)], 2, "expected 2 members of an ensemble in .*, got 1"),
        ([layer(1.0), layer(1.0), layer(1.0)], 2, "got 3: set ensemble as it was in training"),
        ([layer(1.0), layer(1.0, 1.0)], 2, r"member_epoch=2.pt is a checkpoint of another network than Conv2d"),
    ],
)
def test_other_members_are_refused(saved, n_members, message, tmp_path):
    save(tmp_path, *saved)
    with pytest.raises(InputError, match=message):
        EnsembleInferer(tmp_path, n_members)(torch.ones(1, 1, 2, 2), layer(1.0))


def test_a_member_that_is_no_checkpoint_is_named(tmp_path):
    save(tmp_path, layer(1.0), layer(1.0))
    member_path(tmp_path, 2).write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"member_epoch=2.pt is not a readable checkpoint"):
        EnsembleInferer(tmp_path, 2)(torch.ones(1, 1, 2, 2), layer(1.0))


def test_fewer_than_one_is_refused(tmp_path):
    with pytest.raises(InputError, match="ensemble must be at least 1, got 0"):
        EnsembleInferer(tmp_path, 0)
