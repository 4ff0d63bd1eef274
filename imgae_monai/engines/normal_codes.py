"""What training images teach about the codes of normal ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from monai.utils import convert_to_tensor
from numpy.typing import NDArray
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
        batches: with ``image``, shape (B, C, H, W[, D]); normal images that the network was trained on, as they are
            or as :py:class:`imgae_monai.transforms.RandAcquisition` varies them.
        device: where the network is.

    Returns:
        Gaussian by name.

    Raises:
        InputError: when there are fewer than three images, or their codes are all the same or not finite.
    """
    collected = collect_codes(names, network, batches, device)
    return {name: Gaussian.fit(values, f"codes {name}") for name, values in collected.items()}


def collect_codes(
    names: Sequence[str], network: nn.Module, batches: Iterable[Mapping[str, Any]], device: torch.device | str
) -> dict[str, NDArray[np.float64]]:
    """The codes themselves, (n, d) by name; arguments and errors are those of :py:func:`fit_codes`."""
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
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def thinned(items: Sequence[_Item], most: int = 10_000) -> list[_Item]:
    """At most so many of the items, evenly spaced.

    Example:
        >>> thinned(range(10), 3)
        [0, 4, 8]
    """
    step = -(-len(items) // most)
    return list(items[:: max(1, step)])


def copies_to_vary(items: Sequence[Mapping[str, Any]], n_copies: int, most: int = 10_000) -> list[dict[str, Any]]:
    """Each image ``n_copies`` times, told apart by ``acquisition``; at most so many in all, evenly spaced.

    Args:
        items: of a data list, with ``sha256``.
        n_copies: of each image, at least 1.
        most: items that are kept.

    Raises:
        InputError: when ``n_copies`` is below 1.

    Example:
        >>> [item["acquisition"] for item in copies_to_vary([{"sha256": "ab"}], 2)]
        ['ab/0', 'ab/1']
    """
    if n_copies < 1:
        raise InputError(f"code_copies must be at least 1, got {n_copies}")
    kept = thinned(range(len(items) * n_copies), most)
    return [{**items[k // n_copies], "acquisition": f"{items[k // n_copies]['sha256']}/{k % n_copies}"} for k in kept]
