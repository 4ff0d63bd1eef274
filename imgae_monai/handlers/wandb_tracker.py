"""Weights & Biases through ignite's logger."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from ignite.handlers.wandb_logger import WandBLogger
from monai.config import PathLike
from monai.utils import look_up_option

from imgae_monai.handlers.epoch_metrics import epoch_metrics
from imgae_monai.handlers.run_events import RunEvents
from imgae_monai.handlers.run_summary import final_metrics, run_artifacts, scalar_ids
from imgae_monai.handlers.training_record import TrainingRecord

WANDB_MODES = ("online", "offline", "disabled")
# W&B goes on trying to reach a server, which its init_timeout does not bound; a training does not wait for one
# that is gone
_PATIENCE: dict[str, Any] = {
    "init_timeout": 30,
    "login_timeout": 30,
    "finish_timeout": 60,
    "x_graphql_timeout_seconds": 10,
    "x_graphql_retry_max": 1,
    "x_graphql_retry_wait_min_seconds": 1,
    "x_graphql_retry_wait_max_seconds": 2,
    "x_file_stream_retry_max": 3,
    "x_file_transfer_retry_max": 3,
}


class WandBTracker:
    """Log settings, losses by epoch, and at the run's end its figures and files, to W&B.

    The key is that of ``wandb login`` (or ``WANDB_API_KEY``); it is no argument here and appears in no file of ours.
    Offline runs lie in the run's folder, ``wandb sync`` sends them later. A resumed run goes on under its id.

    Args:
        project: name of the project.
        record: of the losses.
        config: the config as run.
        output_dir: folder of the run's record; W&B's own files go to ``wandb`` in it.
        ckpt_dir: folder of its checkpoints.
        mode: ``"online"``, ``"offline"`` or ``"disabled"``.
        resume: whether the run goes on from a resume point.
    """

    def __init__(
        self,
        project: str,
        record: TrainingRecord,
        config: Mapping[str, Any],
        output_dir: PathLike,
        ckpt_dir: PathLike,
        mode: str = "online",
        resume: bool = False,
    ) -> None:
        self.project = project
        self.record = record
        self.config = config
        self.output_dir = Path(output_dir).resolve()
        self.ckpt_dir = ckpt_dir
        self.mode = look_up_option(mode, WANDB_MODES)
        self.resume = resume
        self._logger: WandBLogger | None = None

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the record."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._log_epoch)
        engine.add_event_handler(RunEvents.FINISHED, self._finish)

    def _start(self, engine: Engine) -> None:
        import wandb

        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._logger = WandBLogger(
            project=self.project,
            mode=self.mode,
            dir=str(self.output_dir),
            name=self.output_dir.name,
            id=self._run_id(),
            resume="allow",
            config=scalar_ids(self.config),
            settings=wandb.Settings(console="off", silent=True, disable_git=True, **_PATIENCE),
        )

    def _run_id(self) -> str:
        file = self.output_dir / "wandb" / "run_id.txt"
        if not (self.resume and file.is_file()):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(secrets.token_hex(4), encoding="utf-8")
        return file.read_text(encoding="utf-8")

    def _log_epoch(self, engine: Engine) -> None:
        if self._logger is not None:
            self._logger.log(epoch_metrics(engine, self.record), step=engine.state.epoch)

    def _finish(self, engine: Engine) -> None:
        if self._logger is None:
            return
        self._logger.run.summary.update(final_metrics(self.output_dir))
        artifact = self._logger.Artifact(f"run-{self._logger.run.id}", type="run")
        for path in run_artifacts(self.output_dir, self.ckpt_dir):
            artifact.add_file(str(path))
        self._logger.log_artifact(artifact)
        self._logger.close()
