"""Settings and final figures of a run in TensorBoard's HPARAMS tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine
from monai.config import PathLike
from monai.handlers import TensorBoardHandler
from torch.utils.tensorboard.summary import hparams

from imgae_monai.handlers.run_events import RunEvents
from imgae_monai.handlers.run_summary import final_metrics, scalar_ids


class TensorBoardHParams(TensorBoardHandler):
    """Write a finished run's settings with ``hparam/best_val_loss``, ``hparam/epochs_run`` and ``hparam/threshold``.

    ``SummaryWriter.add_hparams`` would put them into a run of their own, apart from the curves. Attach this as the last
    of TensorBoard's handlers: it closes the writer.

    Args:
        summary_writer: TensorBoard's writer, or a :py:class:`imgae_monai.handlers.RunWriter`.
        config: the config as run.
        output_dir: folder of ``train.json``.
    """

    def __init__(self, summary_writer: Any, config: Mapping[str, Any], output_dir: PathLike) -> None:
        super().__init__(summary_writer=summary_writer)
        self.config = config
        self.output_dir = output_dir

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(RunEvents.FINISHED, self)

    def __call__(self, engine: Engine) -> None:
        metrics = {f"hparam/{name}": value for name, value in final_metrics(self.output_dir).items()}
        writer: Any = self._writer
        for summary in hparams(scalar_ids(self.config), metrics):
            writer.file_writer.add_summary(summary)
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, engine.state.epoch)
        self._writer.close()
