"""An optimizer by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from monai.utils import look_up_option
from torch.optim import SGD, Adam, AdamW, Optimizer

_NAMES = ("adam", "adamw", "sgd")


def build_optimizer(
    params: Iterable[torch.nn.Parameter] | Iterable[dict[str, Any]],
    name: str = "adam",
    lr: float = 0.001,
    weight_decay: float = 0.0,
    momentum: float = 0.9,
) -> Optimizer:
    """One of torch's optimizers, so that a config chooses by a word.

    Args:
        params: parameters, or groups of them (as from :py:func:`monai.optimizers.generate_param_groups`).
        name: ``"adam"`` (Kingma and Ba 2015; ``weight_decay`` is an L2 penalty), ``"adamw"`` (Loshchilov and Hutter
            2019; ``weight_decay`` is decoupled from the gradient), or ``"sgd"`` (an L2 penalty).
        lr: learning rate.
        weight_decay: weight of the penalty or decay.
        momentum: of ``"sgd"`` only, in [0, 1).

    Raises:
        ValueError: when the name is unknown (names the nearest), or a number is out of range.
    """
    look_up_option(name, _NAMES)
    if not lr > 0:
        raise ValueError(f"learning_rate must be above 0, got {lr}")
    if name == "adamw":
        return AdamW(params, lr=lr, weight_decay=weight_decay)
    if name == "sgd":
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {momentum}")
        return SGD(params, lr=lr, weight_decay=weight_decay, momentum=momentum)
    return Adam(params, lr=lr, weight_decay=weight_decay)
