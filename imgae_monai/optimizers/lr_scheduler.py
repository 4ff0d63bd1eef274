"""A learning-rate schedule by name."""

from __future__ import annotations

from monai.utils import look_up_option
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, ReduceLROnPlateau, StepLR

_NAMES = ("plateau", "step", "cosine", "constant")


def build_lr_scheduler(
    optimizer: Optimizer,
    name: str = "plateau",
    epochs: int = 1,
    warmup_epochs: int = 0,
    step: int = 30,
    factor: float = 0.5,
    patience: int = 5,
) -> LRScheduler:
    """One of torch's schedulers, to be stepped once an epoch after the warm-up, so that a config chooses by a word.

    :py:class:`imgae_monai.handlers.LearningRateHandler` steps it and does the warm-up.

    Args:
        optimizer: whose learning rate follows the schedule.
        name: ``"plateau"`` (times ``factor`` when the metric has not fallen for more than ``patience`` validations),
            ``"step"`` (times ``factor`` every ``step`` epochs), ``"cosine"`` (to 0 at the end of ``epochs``; Loshchilov
            and Hutter 2017, equation 5, without restarts) or ``"constant"``.
        epochs: all epochs of the training.
        warmup_epochs: how many of them are the warm-up, fewer than all.
        step: epochs between two falls of ``"step"``, at least 1.
        factor: of ``"plateau"`` and ``"step"``, in (0, 1).
        patience: of ``"plateau"``, in validations.

    Raises:
        ValueError: when the name is unknown (names the nearest), or a number is out of range.
    """
    look_up_option(name, _NAMES)
    if not 0 <= warmup_epochs < epochs:
        raise ValueError(f"warmup_epochs must be 0 or more and fewer than epochs ({epochs}), got {warmup_epochs}")
    if name == "cosine":
        return CosineAnnealingLR(optimizer, T_max=epochs - warmup_epochs)
    if name == "constant":
        return ConstantLR(optimizer, factor=1.0, total_iters=0)
    if not 0 < factor < 1:
        raise ValueError(f"lr_factor must be above 0 and below 1, got {factor}")
    if name == "step":
        if step < 1:
            raise ValueError(f"lr_step must be at least 1 epoch, got {step}")
        return StepLR(optimizer, step_size=step, gamma=factor)
    return ReduceLROnPlateau(optimizer, factor=factor, patience=patience)
