"""What a trainer's loss consists of."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from ignite.engine import Engine
from monai.utils import CommonKeys as Keys


def loss_terms(engine: Engine) -> dict[str, torch.Tensor]:
    """Scalars of a trainer's output by name, but the loss itself; detached, on the trainer's device.

    Args:
        engine: a trainer, at an iteration's end.
    """
    output = engine.state.output
    if not isinstance(output, Mapping):
        return {}
    scalars = {key: value for key, value in output.items() if isinstance(value, torch.Tensor) and value.ndim == 0}
    return {str(key): value.detach() for key, value in scalars.items() if key != Keys.LOSS}
