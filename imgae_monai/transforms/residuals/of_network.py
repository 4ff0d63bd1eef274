"""A trained network, as a distance needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from imgae_monai.exceptions import InputError


@contextlib.contextmanager
def in_eval_mode(network: nn.Module, gradient: bool) -> Iterator[None]:
    """Dropout off and batch norm fixed, and the network left as it was; with or without a graph."""
    training = [module for module in network.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.set_grad_enabled(gradient):
            yield
    finally:
        for module in training:
            module.training = True


def wants_gradient(*images: torch.Tensor) -> bool:
    """Whether a result is to be differentiable by images; else no graph is kept, whatever the parameters ask for."""
    return torch.is_grad_enabled() and any(image.requires_grad for image in images)


def check_features(network: nn.Module | None, residual: str) -> nn.Module:
    """Make sure that there is a network that gives features.

    Raises:
        InputError: when there is none, or it has no ``features``.
    """
    checked = check_network(network, residual)
    if not hasattr(checked, "features"):
        raise InputError(
            f"the residual {residual!r} compares what a network's features(x) gives, one tensor a level; "
            f"{type(checked).__name__} has no such method: choose another residual"
        )
    return checked


def check_network(network: nn.Module | None, residual: str) -> nn.Module:
    """Make sure that there is a network.

    Raises:
        InputError: when there is none.
    """
    if network is None:
        raise InputError(
            f"the residual {residual!r} needs the network, and ResidualMap(d) got none: pass network, in a config "
            "'@network' (runs of an earlier version don't: train again, or choose another residual)"
        )
    return network
