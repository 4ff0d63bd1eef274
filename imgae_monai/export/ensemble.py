"""The members of an ensemble as one network."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from imgae_monai.transforms.prediction import NOT_LEARNED


class MembersNetwork(nn.Module):
    """What :py:class:`imgae_monai.inferers.EnsembleInferer` makes of a network and weights, as a module.

    Args:
        network: the members' network.
        weights: a state dict a member.
    """

    def __init__(self, network: nn.Module, weights: Sequence[Mapping[str, torch.Tensor]]) -> None:
        super().__init__()
        self.members = nn.ModuleList(copy.deepcopy(network) for _ in weights)
        for member, state in zip(self.members, weights, strict=True):
            member.load_state_dict(state)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Args: images: shape (B, 1, H, W[, D]). Returns: (B, 3, H, W[, D]), as there."""
        given = torch.stack([member(images) for member in self.members])
        reconstructions, variances = given[:, :, :1], given[:, :, 1:]
        mean = reconstructions.mean(dim=0)
        variance = variances.mean(dim=0) if given.shape[2] > 1 else torch.full_like(mean, NOT_LEARNED)
        deviation = (reconstructions - mean).square().mean(dim=0).sqrt()
        return torch.cat([mean, variance, deviation], dim=1)
