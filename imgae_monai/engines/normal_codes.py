"""What training images teach about the codes of normal ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from monai.utils import convert_to_tensor
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.codes import Codes
from imgae_monai.transforms.gaussian import Gaussian

_Item = TypeVar("_Item")


def fit_codes(
    names: Sequence[str], network: nn.Module, batches: Iterable[Mapping[str, Any]], device: torch.device | str
) -> dict[str, Gaussian]:
    """Gaussians of codes of training images, as there are many more of these than validation images.

    The network has seen these images, so that new normal ones may lie farther away. That does not spoil a threshold: it
    comes from validation images, which had no part in this.

    Args:
        names: which codes, see :py:class:`imgae_monai.transforms.Codes`.
        network: with its weights.
        batches: with ``image``, shape (B, C, H, W[, D]); normal images that the network was trained on, not augmented.
        device: where the network is.

    Returns:
        Gaussian by name.

    Raises:
        InputError: when there are fewer than three images, or their codes are all the same or not finite.
    """
    codes = Codes(names, network)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    with torch.no_grad():
        for batch in batches:
            images = convert_to_tensor(batch["image"], track_meta=False).to(device)
            for name, code in codes.batch(images).items():
                found[name].append(code.double().cpu())
    n = sum(map(len, found[names[0]])) if names else 0
    if n < 3:
        raise InputError(f"{', '.join(names)} needs at least 3 training images, got {n}")
    return {name: Gaussian.fit(torch.cat(parts).numpy(), f"codes {name}") for name, parts in found.items()}


def thinned(items: Sequence[_Item], most: int = 10_000) -> list[_Item]:
    """At most so many of the items, evenly spaced.

    Example:
        >>> thinned(range(10), 3)
        [0, 4, 8]
    """
    step = -(-len(items) // most)
    return list(items[:: max(1, step)])
