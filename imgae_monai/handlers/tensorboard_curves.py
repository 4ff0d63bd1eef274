"""Curves of a training run in TensorBoard."""

from __future__ import annotations

import time
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.handlers import TensorBoardHandler
from monai.utils import CommonKeys as Keys

from imgae_monai.handlers.loss_terms import loss_terms

_SECONDS = 1.0  # between two looks at the losses of steps: each look waits for the device
_MEGABYTE = 10**6


class TensorBoardCurves(TensorBoardHandler):
    """Write a trainer's curves: the loss of each step, and by epoch what the other handlers leave in its state.

    ``train_loss`` by step, and ``train_terms/*``, what it consists of, where the trainer's output tells; by epoch
    ``learning_rate`` (of the epoch's last step), ``grad_norm`` (where the trainer's state has one),
    ``throughput/train`` and ``throughput/validation`` (images a second), and ``memory/*`` (megabytes). MONAI's
    ``TensorBoardStatsHandler`` fetches each loss from the device and flushes the file at every step; this one does both
    at most once a second.

    Args:
        summary_writer: TensorBoard's writer, or a :py:class:`imgae_monai.handlers.RunWriter`.
        validator: evaluator whose state has ``throughput``, if any.
    """

    def __init__(self, summary_writer: Any, validator: Engine | None = None) -> None:
        super().__init__(summary_writer=summary_writer)
        self.validator = validator
        self._losses: list[tuple[int, str, torch.Tensor]] = []
        self._rates: list[float] = []
        self._looked = time.monotonic()

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the validation handler."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch)

    def _step(self, engine: Engine) -> None:
        step = engine.state.iteration
        self._losses.append((step, "train_loss", engine.state.output[Keys.LOSS].detach()))
        self._losses += [(step, f"train_terms/{name}", value) for name, value in loss_terms(engine).items()]
        self._rates = [group["lr"] for group in engine.optimizer.param_groups]
        if time.monotonic() - self._looked >= _SECONDS:
            self._write_losses()

    def _write_losses(self) -> None:
        if self._losses:
            steps, names, losses = zip(*self._losses, strict=True)
            self._losses = []
            for step, name, loss in zip(steps, names, torch.stack(losses).tolist(), strict=True):
                self._writer.add_scalar(name, loss, step)
        self._writer.flush()
        self._looked = time.monotonic()

    def _epoch(self, engine: Engine) -> None:
        for name, value in self._by_epoch(engine).items():
            self._writer.add_scalar(name, value, engine.state.epoch)
        self._write_losses()

    def _by_epoch(self, engine: Engine) -> dict[str, float]:
        several = len(self._rates) > 1
        values = {f"learning_rate/group_{i}" if several else "learning_rate": r for i, r in enumerate(self._rates)}
        if getattr(engine.state, "grad_norm", None) is not None:
            values["grad_norm"] = float(engine.state.grad_norm)
        validated = self.validator is not None and self.validator.state.epoch == engine.state.epoch
        for name, measured in (("train", engine), ("validation", self.validator if validated else None)):
            if measured is not None and hasattr(measured.state, "throughput"):
                values[f"throughput/{name}"] = measured.state.throughput
        for name, n_bytes in getattr(engine.state, "memory", {}).items():
            values[f"memory/{name}"] = n_bytes / _MEGABYTE
        return values
