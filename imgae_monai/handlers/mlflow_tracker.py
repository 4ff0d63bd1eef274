"""MLflow through MONAI's handler."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from monai.config import PathLike
from monai.handlers import MLFlowHandler

from imgae_monai.exceptions import InputError
from imgae_monai.handlers.epoch_metrics import epoch_metrics
from imgae_monai.handlers.run_events import RunEvents
from imgae_monai.handlers.run_summary import final_metrics, run_artifacts, scalar_ids
from imgae_monai.handlers.training_record import TrainingRecord

_BATCH = 100  # parameters that MLflow takes at a time
# MLflow tries seven times for minutes; a training does not wait for a server that is gone
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class MLFlowTracker(MLFlowHandler):
    """MONAI's ``MLFlowHandler`` for one run of this package: settings, losses by epoch, and the files at its end.

    MONAI's own logs artifacts when training ends, before there is a calibration; on a resume it takes the oldest of the
    unfinished runs by a name and refuses a setting that has changed. Here a resumed run goes on in its newest.

    Args:
        tracking_uri: see :py:func:`mlflow_address`.
        record: of the losses.
        config: the config as run.
        output_dir: folder of the run's record, by whose path a resumed run is found again.
        ckpt_dir: folder of its checkpoints.
        resume: whether the run goes on from a resume point.
        experiment_name: name of the experiment.
    """

    def __init__(
        self,
        tracking_uri: str,
        record: TrainingRecord,
        config: Mapping[str, Any],
        output_dir: PathLike,
        ckpt_dir: PathLike,
        resume: bool = False,
        experiment_name: str = "imgae_monai",
    ) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        super().__init__(
            tracking_uri=mlflow_address(tracking_uri),
            iteration_log=False,
            epoch_logger=self._log_epoch,
            experiment_name=experiment_name,
            run_name=str(Path(output_dir).resolve()),
        )
        self.record = record
        self.config = config
        self.output_dir = output_dir
        self.ckpt_dir = ckpt_dir
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the record."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)
        engine.add_event_handler(RunEvents.FINISHED, self._finish)

    def start(self, engine: Engine) -> None:
        """Find or make the run, and log its settings."""
        self._set_experiment()
        experiment: Any = self.experiment
        experiment_id = experiment.experiment_id
        found = self.client.search_runs([experiment_id], order_by=["attributes.start_time DESC"]) if self.resume else []
        found = [run for run in found if run.info.run_name == self.run_name]
        self.cur_run = found[0] if found else self.client.create_run(experiment_id, run_name=self.run_name)
        super().start(engine)
        settings = scalar_ids(self.config)
        self._delete_exist_param_in_dict(settings)
        names = list(settings)
        for first in range(0, len(names), _BATCH):
            self._log_params({name: settings[name] for name in names[first : first + _BATCH]})

    def _log_epoch(self, engine: Engine) -> None:
        self._log_metrics(epoch_metrics(engine, self.record), step=engine.state.epoch)

    def _finish(self, engine: Engine) -> None:
        self._log_metrics(final_metrics(self.output_dir), step=engine.state.epoch)
        run: Any = self.cur_run
        for path in run_artifacts(self.output_dir, self.ckpt_dir):
            self.client.log_artifact(run.info.run_id, str(path))
        self.close()


def mlflow_address(uri: str) -> str:
    """An address that MLflow takes: a path becomes that of an SQLite file, ``mlflow.db`` in a folder.

    Args:
        uri: ``http://``, ``https://``, ``sqlite:///`` or another database's address, or a path.

    Raises:
        InputError: for ``file://``, which MLflow no longer takes.
    """
    if uri.startswith("file:"):
        raise InputError(
            f"mlflow_uri {uri!r}: MLflow no longer keeps runs in folders; give a path, or sqlite:///PATH.db"
        )
    if "://" in uri:
        return uri
    path = Path(uri).expanduser().resolve()
    return f"sqlite:///{path if path.suffix else path / 'mlflow.db'}"
