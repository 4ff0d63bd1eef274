"""TensorBoard's files of a run."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from monai.config import PathLike
from torch.utils.tensorboard import SummaryWriter


class RunWriter:
    """One ``SummaryWriter`` for all that a run writes to TensorBoard, opened when its first epoch starts.

    MONAI's handlers open one each, as soon as they are built. Only when an epoch starts is it known whether the run
    goes on from a resume point; then TensorBoard is told to forget the steps that will be repeated (``purge_step``).

    Args:
        log_dir: TensorBoard's folder.
    """

    def __init__(self, log_dir: PathLike) -> None:
        self.log_dir = str(log_dir)
        self._opened: SummaryWriter | None = None

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this before what writes."""
        engine.add_event_handler(Events.EPOCH_STARTED, self._start)

    def _start(self, engine: Engine) -> None:
        done = engine.state.iteration
        self._open(done + 1 if done else None)

    def _open(self, purge_step: int | None = None) -> SummaryWriter:
        if self._opened is None:
            self._opened = SummaryWriter(self.log_dir, purge_step=purge_step)
        return self._opened

    def close(self) -> None:
        """Write what is left."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def __getattr__(self, name: str) -> Any:
        """The writer's methods."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._open(), name)
