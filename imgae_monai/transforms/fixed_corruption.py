"""Random corruptions that are the same for an image each time."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from monai.transforms import Compose, RandomizableTrait, Transform


class FixedCorruptiond(Transform, RandomizableTrait):
    """Corrupt each image in a way that its contents decide, the same in every epoch, run, order and worker.

    For validation: a network that restores has to be chosen by how well it restores (the loss on clean images is
    lowest for one that copies), and a loss of other corruptions each time would fall and rise by chance.

    MONAI's caches end at a ``RandomizableTrait``, so that no corrupted copies are kept in memory.

    Args:
        corruption: random dictionary transforms, of which copies are used.
        seed: images are corrupted in other ways with another one.
        key: key of a text that tells images apart; a data list's ``sha256`` stays when files move.

    Example:
        >>> import torch
        >>> from imgae_monai.transforms import RandCoarseNoised
        >>> fixed, item = FixedCorruptiond([RandCoarseNoised()]), {"sha256": "ab", "corrupted": torch.ones(1, 8, 8)}
        >>> torch.equal(fixed(item)["corrupted"], fixed(item)["corrupted"])
        True
    """

    def __init__(self, corruption: Sequence[Callable], seed: int = 0, key: str = "sha256") -> None:
        self.seed = seed
        self.key = key
        # seeded, since what is not would differ in the resume points of equal runs
        self.corruption = Compose(copy.deepcopy(list(corruption))).set_random_state(seed)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """
        Raises:
            ValueError: when ``data`` has no such key.
        """
        if self.key not in data:
            raise ValueError(f"an image is told apart by {self.key!r}, its item has only {', '.join(map(str, data))}")
        digest = hashlib.sha256(f"{self.seed} {data[self.key]}".encode()).digest()
        self.corruption.set_random_state(int.from_bytes(digest[:4], "big"))
        return self.corruption(dict(data))
