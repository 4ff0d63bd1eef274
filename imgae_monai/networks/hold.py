"""Leave a part of a network as it is while another is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

__all__ = ["hold_statistics", "hold_weights"]


@contextmanager
def hold_weights(module: nn.Module) -> Iterator[None]:
    """Meanwhile no gradient is taken with respect to a module's weights; it still flows through the module.

    MONAI's ``freeze_layers`` doesn't undo itself. Weights that take no gradient anyway go on taking none.

    Args:
        module: a network or a part of one.

    Example::

        >>> import torch
        >>> layer = nn.Linear(1, 1)
        >>> x = torch.ones(1, 1, requires_grad=True)
        >>> with hold_weights(layer):
        ...     layer(x).sum().backward()
        >>> x.grad is None, layer.weight.grad is None, layer.weight.requires_grad
        (False, True, True)

    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def hold_statistics(module: nn.Module) -> Iterator[None]:
    """Meanwhile normalization layers in training mode use a batch's own statistics but don't put them on record.

    Args:
        module: a network or a part of one.

    Example::

        >>> import torch
        >>> norm = nn.BatchNorm1d(1)
        >>> with hold_statistics(norm):
        ...     norm(torch.tensor([[0.0], [2.0]])).round().flatten().tolist(), norm.running_mean.item()
        ([-1.0, 1.0], 0.0)

    """
    norms = [layer for layer in module.modules() if isinstance(layer, _NormBase)]
    layers = [layer for layer in norms if layer.track_running_stats and layer.training]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
