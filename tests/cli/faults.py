"""Components that a test's config names to make a run fail on purpose."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import torch
from ignite.engine import Engine
from monai.inferers import SimpleInferer
from torch import nn

from imgae_monai.handlers import ResumePointSaver


class NanAfter(nn.Module):
    """A loss that is NaN from the n-th call in training on."""

    def __init__(self, loss: nn.Module, n: int) -> None:
        super().__init__()
        self.loss = loss
        self.n = n
        self.calls = 0

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        self.calls += torch.is_grad_enabled()
        loss = self.loss(*arguments)
        return loss * float("nan") if self.calls > self.n else loss


class SignalAt(nn.Module):
    """A loss that sends its process a signal at the n-th call, once in the life of a folder.

    Args:
        loss: the loss.
        n: counted in training or in validation only.
        folder: where a mark is left.
        number: of the signal.
        training: which calls count.
    """

    def __init__(
        self, loss: nn.Module, n: int, folder: str, number: int = signal.SIGKILL, training: bool = True
    ) -> None:
        super().__init__()
        self.loss = loss
        self.n = n
        self.mark = Path(folder) / f"signal_{number}_in_{'training' if training else 'validation'}"
        self.number = number
        self.counted = training
        self.calls = 0

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        self.calls += torch.is_grad_enabled() == self.counted
        if self.calls == self.n and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), self.number)
        return self.loss(*arguments)


class SignalIn(SimpleInferer):
    """Sends its process a signal when it is called first, once in the life of a folder."""

    def __init__(self, number: int, folder: str) -> None:
        super().__init__()
        self.number = number
        self.mark = Path(folder) / f"signal_{number}_in_inferer"

    def __call__(self, inputs: torch.Tensor, network: nn.Module) -> torch.Tensor:
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), self.number)
        return super().__call__(inputs, network)


class WorkerKilled(nn.Module):
    """A loss that kills one of the loader's workers at the n-th call in training, once in the life of a folder."""

    def __init__(self, loss: nn.Module, n: int, folder: str) -> None:
        super().__init__()
        self.loss = loss
        self.n = n
        self.mark = Path(folder) / "worker_killed"
        self.calls = 0

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        self.calls += torch.is_grad_enabled()
        if self.calls == self.n and not self.mark.exists():
            worker = psutil.Process().children()[0]
            self.mark.write_text(" ".join(str(child.pid) for child in psutil.Process().children()))
            worker.kill()
        return self.loss(*arguments)


class KilledWhileSaving(ResumePointSaver):
    """Dies when the n-th epoch's file is written but not in its place yet, once in the life of a folder."""

    def __init__(self, n: int, folder: str, save_dir: str, save_dict: dict, save_interval: int, n_saved: int) -> None:
        super().__init__(save_dir, save_dict, save_interval, n_saved)
        self.n = n
        self.mark = Path(folder) / f"killed_while_saving_{n}"

    def interval_completed(self, engine: Engine) -> None:
        if engine.state.epoch == self.n and not self.mark.exists():
            self.mark.touch()
            os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
        super().interval_completed(engine)
