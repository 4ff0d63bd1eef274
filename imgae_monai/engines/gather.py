"""What each of the processes of a run has, brought together."""

from __future__ import annotations

import io
from typing import Any

import ignite.distributed as idist
import torch


def all_gather_state(value: Any) -> list[Any]:
    """A value of every process, in their order, in every process.

    Ignite and torch would pickle it. Here, as in a checkpoint, only tensors, numbers, text, lists, tuples and
    dictionaries pass (``weights_only=True``).

    Args:
        value: this process's; tensors on the CPU.

    Example:
        >>> all_gather_state({"score": 0.5})  # of the only process
        [{'score': 0.5}]
    """
    if idist.get_world_size() == 1:
        return [value]
    file = io.BytesIO()
    torch.save(value, file)
    data = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
    sizes: Any = idist.all_gather(len(data))
    padded = torch.nn.functional.pad(data, (0, max(sizes) - len(data)))
    gathered: Any = idist.all_gather(padded)
    parts = zip(gathered.cpu().reshape(len(sizes), -1), sizes, strict=True)
    return [torch.load(io.BytesIO(part[:size].numpy().tobytes()), weights_only=True) for part, size in parts]
