"""Optimizers and learning-rate schedules by name, beside MONAI's."""

from .factory import build_optimizer
from .lr_scheduler import build_lr_scheduler

__all__ = ["build_lr_scheduler", "build_optimizer"]
