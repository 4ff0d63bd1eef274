"""Networks and calibrations that need no training."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from imgae_monai.export.ensemble import MembersNetwork
from imgae_monai.transforms import Calibration, Codes, Combination, Gaussian, ScoreDefinition
from imgae_monai.transforms.score_definition import CODES
from tests.transforms.residuals.small_network import SmallNetwork


class Coding(SmallNetwork):
    """Gives codes too, and a variance where it is asked for."""

    def __init__(self, spatial_dims: int = 2, learned_variance: bool = False) -> None:
        super().__init__(spatial_dims)
        self.learned_variance = learned_variance

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x)).flatten(2).mean(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return torch.cat([y, 0.2 + 0.5 * x * y], dim=1) if self.learned_variance else y


def members(network: nn.Module) -> MembersNetwork:
    """An ensemble of the network and of another of other weights."""
    weights = network.state_dict()
    other = {name: value * 0.8 if value.is_floating_point() else value for name, value in weights.items()}
    return MembersNetwork(network, [weights, other])


def images(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def calibration(score: ScoreDefinition, size: tuple[int, ...], network: nn.Module) -> Calibration:
    """One that normal images could have made."""
    mean, std = 0.1 * images(1, *size, seed=7), 0.05 + 0.05 * images(1, *size, seed=8)
    made = Calibration(0.5, 0.9, mean, std, 0.75, 40, score, "weights", "data", pixel_threshold=0.6)
    if not score.components:
        return made
    parts = [ScoreDefinition.parse(name) for name in score.components if name not in CODES]
    generator = torch.Generator().manual_seed(9)
    codes = {}
    for name, code in Codes(score.codes, network).batch(images(30, 1, *size, seed=2)).items():
        codes[name] = Gaussian.fit(code.double().numpy())
    return dataclasses.replace(
        made,
        map_moments={part.map_name: (mean, std) for part in parts if part.z_score},
        codes=codes,
        combination=Combination.fit(
            torch.rand(40, len(score.components), generator=generator).double().numpy(), score.two_sided
        ),
    )
