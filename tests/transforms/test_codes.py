from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.networks.nets import IntrospectiveAutoencoder
from imgae_monai.transforms import Codes, joint_features, pooled_features


class Levels(nn.Module):
    """Features that can be told by hand: the image, its double at half the size, and noise."""

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x, 2 * x[:, :, ::2, ::2], torch.rand(len(x), 1, 2, 2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x - 0.25, x], dim=1)  # what a second channel holds is no image

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


def test_features_are_averaged_over_a_grid_of_the_first_two_levels():
    image = torch.arange(4.0).repeat_interleave(2).repeat(8, 1)[None, None]  # columns 0 0 1 1 2 2 3 3
    code = pooled_features(Levels(), image)
    assert code.tolist() == [4 * [0.0, 1.0, 2.0, 3.0] + 4 * [0.0, 2.0, 4.0, 6.0]]


def test_joint_features_are_those_and_their_differences_to_the_reconstructions():
    image = torch.rand(2, 1, 8, 8)
    code = joint_features(Levels(), image)
    assert torch.equal(code[:, :32], pooled_features(Levels(), image))
    assert code[:, 32:].numpy() == pytest.approx(np.repeat([[0.25, 0.5]], 16, axis=1).repeat(2, axis=0), abs=1e-6)


def test_a_volume_has_two_cells_an_axis():
    class Two(nn.Module):
        def features(self, x):
            return [x, x]

    assert pooled_features(Two(), torch.rand(1, 3, 8, 8, 8)).shape == (1, 2 * 3 * 8)


def test_of_a_wide_network_a_fixed_choice_is_kept():
    class Wide(nn.Module):
        def features(self, x):
            return [x.expand(-1, 100, -1, -1), 2 * x.expand(-1, 100, -1, -1)]

    image = torch.rand(3, 1, 8, 8)
    code = pooled_features(Wide(), image)
    assert code.shape == (3, 2048)
    assert torch.equal(code, pooled_features(Wide(), image))
    assert torch.equal(code[1:2], pooled_features(Wide(), image[1:2]))


def test_codes_by_name_of_one_image():
    codes = Codes(["latent", "feature_gaussian"], Levels())(torch.ones(1, 8, 8))
    assert codes["latent"].tolist() == [1.0]
    assert codes["feature_gaussian"].shape == (32,)
    assert Codes([], None)(torch.ones(1, 8, 8)) == {}


def test_of_a_variational_network_the_mean_is_taken_in_evaluation_mode():
    network = IntrospectiveAutoencoder(2, 1, 1, (4, 6), (2, 2), 3, 16).train()
    images = torch.rand(4, 1, 16, 16)
    codes = Codes(["latent"], network).batch(images)["latent"]
    assert network.training
    assert torch.equal(codes, network.eval().encode(images)[0])


def test_a_gradient_goes_through_codes():
    image = torch.rand(1, 8, 8, requires_grad=True)
    Codes(["feature_gaussian"], Levels())(image)["feature_gaussian"].sum().backward()
    assert image.grad.abs().sum() > 0


def test_a_network_without_the_method_is_refused():
    with pytest.raises(InputError, match="feature_gaussian needs a network with features, got Identity"):
        Codes(["feature_gaussian"], nn.Identity())
