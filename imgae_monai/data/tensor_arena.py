"""Lay cached tensors side by side in large blocks.

A cache made of many small tensors shares the heap with the large short-lived ones of decoding and resizing. Each hole
that those leave is too small for the next, and the process grows to almost twice the size of its cache (measured:
754 MB for 401 MB of 224 px uint8 images, and 419 MB with this). Blocks of several megabytes come straight from the
system and go straight back.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

_ALIGNMENT = 64  # bytes: what torch's own allocator keeps


class TensorArena:
    """Copies of tensors in blocks; a block is given back to the system when the last tensor in it is gone.

    Made for caches that are filled, and emptied, in order. Safe in threads.

    Args:
        block_bytes: size of a block; a larger tensor gets a block of its own.

    Example:
        >>> arena = TensorArena()
        >>> arena.put(torch.arange(3)).tolist()
        [0, 1, 2]
    """

    def __init__(self, block_bytes: int = 1 << 23) -> None:
        self.block_bytes = block_bytes
        self._block = torch.empty(0, dtype=torch.uint8)
        self._used = 0
        self._lock = threading.Lock()

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """
        Args:
            tensor: plain CPU tensor of any shape and type.

        Returns:
            an equal tensor inside a block. Don't ``deepcopy`` it: torch would copy the whole block.
        """
        n_bytes = tensor.numel() * tensor.element_size()
        with self._lock:
            if self._used + n_bytes > self._block.numel():
                self._block = torch.empty(max(self.block_bytes, n_bytes), dtype=torch.uint8)
                self._used = 0
            room = self._block[self._used : self._used + n_bytes]
            self._used += -(-n_bytes // _ALIGNMENT) * _ALIGNMENT
        return room.view(tensor.dtype).view(tensor.shape).copy_(tensor)

    def put_item(self, item: Any) -> Any:
        """The same for every tensor in a dictionary; anything else stays as it is."""
        return _replace(item, torch.Tensor, self.put)

    def __reduce__(self) -> tuple[type[TensorArena], tuple[int]]:
        """Another process starts with an empty arena: a lock can't be pickled, and a block is its tensors' alone."""
        return TensorArena, (self.block_bytes,)


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a tensor lies: the number of its block, and from which byte on."""

    block: int
    start: int
    dtype: torch.dtype
    shape: torch.Size


def pack_items(items: Sequence[Any]) -> tuple[list[Any], list[torch.Tensor]]:
    """Items whose tensors lie in an arena, and its blocks, apart: each tensor pickled by itself would take its whole
    block along.

    Args:
        items: as :py:meth:`TensorArena.put_item` gives them.

    Returns:
        what :py:func:`unpack_items` takes. The blocks are not copied: torch hands them to spawned workers as shared
        memory.
    """
    numbers: dict[int, int] = {}
    blocks: list[torch.Tensor] = []

    def place(tensor: torch.Tensor) -> _Place:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in numbers:
            numbers[storage.data_ptr()] = len(blocks)
            blocks.append(torch.empty(0, dtype=torch.uint8).set_(storage))
        start = int(tensor.storage_offset()) * tensor.element_size()
        return _Place(numbers[storage.data_ptr()], start, tensor.dtype, tensor.shape)

    return [_replace(item, torch.Tensor, place) for item in items], blocks


def unpack_items(items: Sequence[Any], blocks: Sequence[torch.Tensor]) -> list[Any]:
    """The items again, their tensors in the given blocks."""

    def take(place: _Place) -> torch.Tensor:
        n_bytes = place.shape.numel() * place.dtype.itemsize
        return blocks[place.block][place.start : place.start + n_bytes].view(place.dtype).view(place.shape)

    return [_replace(item, _Place, take) for item in items]


def _replace(item: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    if isinstance(item, kind):
        return change(item)
    if isinstance(item, Mapping):
        return {key: _replace(value, kind, change) for key, value in item.items()}
    return item
