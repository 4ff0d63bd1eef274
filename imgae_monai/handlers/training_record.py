"""What a training run leaves for a reader: ``train.json`` and the data list that it saw."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.config import PathLike
from torch.utils.data import DataLoader

from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.data.datalist import SYNTHETIC_NOTICE, Datalist
from imgae_monai.data.datalist_file import write_datalist_file
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.engines.check_ids import check_ids
from imgae_monai.engines.environment import environment
from imgae_monai.engines.processes import is_first_process, largest_everywhere
from imgae_monai.engines.run_folder import check_run
from imgae_monai.engines.run_lock import hold_run
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.loss_terms import loss_terms
from imgae_monai.transforms.calibration import Calibration


class TrainingRecord:
    """Collect the losses by epoch and write them with seed, versions, data fingerprint and time.

    ``train.json`` is written anew after every epoch, so that a run that was cut off can be read too; ``finished`` says
    whether it ended by itself. The state can be saved and loaded, so a resumed run's history is whole.

    What else the trainer's output has as a scalar (the terms of a loss) is collected by its name, too. Of several
    processes the losses are those of all images, and the first one writes.

    Before the first epoch it makes sure, as a bundle's ``run`` does, that no other run's files are replaced: tools that
    run the trainer themselves (:py:class:`monai.fl.client.MonaiAlgo`) never call ``run``.

    Args:
        output_dir: folder of ``train.json``.
        ckpt_dir: folder of the checkpoints, and of ``datalist.json``.
        datalist: the data.
        validator: evaluator with the metric ``val_loss``.
        train_loader: its batch size and number of images belong in the record, and may not change on resuming.
        settings: what else belongs in the record (bundle, preset, seed, ...).
        skipped: images that were left out because they can't be read.
        config: the config as run, see :py:func:`imgae_monai.engines.config_as_run`.
        resume: whether the run is to go on from a resume point.
        overwrite: whether the files of a run that is there may be replaced.
    """

    def __init__(
        self,
        output_dir: PathLike,
        ckpt_dir: PathLike,
        datalist: Datalist,
        validator: Engine,
        train_loader: DataLoader,
        settings: Mapping[str, Any],
        skipped: SkippedImages | None = None,
        config: Mapping[str, Any] | None = None,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(output_dir) / "train.json"
        self.ckpt_dir = Path(ckpt_dir)
        self.datalist = datalist
        self.validator = validator
        self.settings = dict(settings)
        self.skipped = SkippedImages() if skipped is None else skipped
        self.config = config
        self.resume = resume
        self.overwrite = overwrite
        self.epoch_shape = _epoch_shape(train_loader)
        self.train_loss: list[list[float]] = []
        self.val_loss: list[list[float]] = []
        self.train_terms: dict[str, list[list[float]]] = {}
        self.seconds = 0.0
        self._environment: dict[str, Any] = {}
        self._earlier_sessions: list[dict[str, Any]] = []
        self._max_epochs: int | None = None
        self._calibration: Calibration | None = None
        self._federated: Mapping[str, Any] | None = None
        self._finished = False
        self._listed = False
        self._loss_sum = 0.0
        self._term_sums: dict[str, torch.Tensor] = {}
        self._n_images = 0
        self._tick = 0.0
        self._writes = is_first_process()

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the validation handler."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED(once=1), self._check_start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_epoch)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)

    def state_dict(self) -> dict[str, Any]:
        """History, time, and the best validation loss so far."""
        return {
            "train_loss": self.train_loss,
            "val_loss": self.val_loss,
            "train_terms": self.train_terms,
            "seconds": self.seconds,
            "data_fingerprint": self.datalist.fingerprint,
            "epoch_shape": dict(self.epoch_shape),
            "best_metric": float(self.validator.state.best_metric),
            "best_metric_epoch": int(self.validator.state.best_metric_epoch),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved state; the validator's best metric is set too (MONAI starts it anew).

        Raises:
            InputError: when the data are not those that the run started with: another split would mix trained and
                held-out images; or an epoch has another number of images or batches.
        """
        if state_dict["data_fingerprint"] != self.datalist.fingerprint:
            raise InputError(
                f"{self.datalist.source} has changed since this run was started (images, labels, patients or splits): "
                f"bring the data back (the list is {self.ckpt_dir / 'datalist.json'}), or start a new run"
            )
        if state_dict["epoch_shape"] != self.epoch_shape:
            raise InputError(
                f"this run was started with {state_dict['epoch_shape']}, now it would go on with {self.epoch_shape}: "
                "there is another amount of memory, or number of processes, than there was; make it the same, or start "
                "a new run"
            )
        self.train_loss = [list(x) for x in state_dict["train_loss"]]
        self.val_loss = [list(x) for x in state_dict["val_loss"]]
        terms = state_dict.get("train_terms", {})  # earlier versions have none
        self.train_terms = {name: [list(x) for x in values] for name, values in terms.items()}
        self.seconds = state_dict["seconds"]
        self._earlier_sessions = self._read_sessions()
        self.validator.state.best_metric = state_dict["best_metric"]
        self.validator.state.best_metric_epoch = state_dict["best_metric_epoch"]

    def finish(self, calibration: Calibration, federated: Mapping[str, Any] | None = None) -> None:
        """Close the record.

        Args:
            calibration: made after training from normal validation images.
            federated: what is to be told of a federation whose weights have replaced the run's own; no epoch is then
                the best one.
        """
        self._calibration = calibration
        self._federated = federated
        self._finished = True
        self._write()
        # matplotlib takes a second to import
        from imgae_monai.visualize import loss_history, plot_losses

        losses = {"train_loss": self.train_loss, "val_loss": self.val_loss, "train_terms": self.train_terms}
        history = loss_history(losses)
        title = str(self.settings.get("bundle", "")) + (" (synthetic phantoms)" if self.datalist.synthetic else "")
        plot_losses(self.path.with_name("losses.png"), history, title, best_epoch=self._best()["best_epoch"])

    def _start(self, engine: Engine) -> None:
        self._tick = time.perf_counter()
        self._max_epochs = engine.state.max_epochs
        self._environment = environment(engine.state.device)
        if not self._writes:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.ckpt_dir.mkdir(parents=True, exist_ok=True)

    def _read_sessions(self) -> list[dict[str, Any]]:
        """What the sessions that are gone on from computed with, and up to which epoch."""
        if not self.path.is_file():
            return []
        before = json.loads(self.path.read_text(encoding="utf-8"))
        last = {key: before[key] for key in self._environment if key in before}
        return [*before.get("earlier_sessions", []), {"to_epoch": len(self.train_loss), **last}]

    def _check_start(self) -> None:
        """
        Raises:
            InputError: when a run is there, or in use, or an id of the config is read by nothing; or ``resume`` is set
                and nothing was loaded, which only ``run`` does.
        """
        if self.resume:
            raise InputError(
                "training starts at its first epoch though resume is set: only the bundle's run loads a resume point, "
                "not a tool that runs the trainer itself; start anew, without resume"
            )
        check_ids(self.config or {})
        hold_run(self.path.parent, self.ckpt_dir)
        check_run(self.ckpt_dir, self.path.parent, overwrite=self.overwrite)

    def _start_epoch(self, engine: Engine) -> None:
        if self._writes and not self._listed:
            write_datalist_file(self.ckpt_dir / "datalist.json", self.datalist)
            self._listed = True
        self._loss_sum, self._term_sums, self._n_images = 0.0, {}, 0

    def _add(self, engine: Engine) -> None:
        n = len(engine.state.output["image"])
        self._loss_sum += engine.state.output["loss"].item() * n
        for name, value in loss_terms(engine).items():
            self._term_sums[name] = self._term_sums.get(name, torch.zeros_like(value)) + value * n
        self._n_images += n

    def _end_epoch(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        self.skipped.share()
        means = self._means()
        self.train_loss.append([epoch, means.pop("")])
        for name, mean in means.items():
            self.train_terms.setdefault(name, []).append([epoch, mean])
        if self.validator.state.epoch == epoch:
            self.val_loss.append([epoch, float(self.validator.state.metrics["val_loss"])])
        now = time.perf_counter()
        self.seconds += now - self._tick
        self._tick = now
        if self._writes:
            self._write()

    def _means(self) -> dict[str, float]:
        """Of the loss (under an empty name) and its terms, over the images of all processes."""
        sums = {"": self._loss_sum, **{name: total.item() for name, total in self._term_sums.items()}}
        totals: Any = torch.tensor([self._n_images, *sums.values()], dtype=torch.float64)
        n_images, *values = idist.all_reduce(totals).tolist() if idist.get_world_size() > 1 else totals.tolist()
        return {name: value / n_images for name, value in zip(sums, values, strict=True)}

    def _best(self) -> dict[str, Any]:
        """Epoch and loss of the weights that are kept, None where they are of no validated epoch of this run."""
        best = self.validator.state  # MONAI starts best_metric and its epoch at -1, which no validation gave
        if best.best_metric_epoch == -1 or self._federated is not None:
            return {"best_epoch": None, "best_val_loss": None}
        return {"best_epoch": int(best.best_metric_epoch), "best_val_loss": float(best.best_metric)}

    def _write(self) -> None:
        model = self.ckpt_dir / "model.pt"
        record = {
            **self.settings,
            **self.epoch_shape,
            "synthetic": self.datalist.synthetic,
            **({"notice": SYNTHETIC_NOTICE} if self.datalist.synthetic else {}),
            "data": self.datalist.source,
            "data_fallbacks": list(self.datalist.fallbacks),
            "data_fingerprint": self.datalist.fingerprint,
            "data_counts": self.datalist.counts,
            "skipped_images": self.skipped.to_list(),
            "finished": self._finished,
            "max_epochs": self._max_epochs,
            "epochs_run": len(self.train_loss),
            **self._best(),
            **({"federated": dict(self._federated)} if self._federated is not None else {}),
            "seconds": round(self.seconds, 3),
            "checkpoint_sha256": file_sha256(model) if self._finished and model.is_file() else None,
            "calibration": self._calibration.summary() if self._calibration else None,
            **self._environment,
            "earlier_sessions": self._earlier_sessions,
            "config": self.config,
            "train_loss": self.train_loss,
            "val_loss": self.val_loss,
            **({"train_terms": self.train_terms} if self.train_terms else {}),
        }
        with atomic_write(self.path) as file:
            file.write(json.dumps(record, indent=1).encode())


def _epoch_shape(loader: DataLoader) -> dict[str, Any]:
    """Images of a step and of an epoch, of one process where there are several, and then their number."""
    # of a stream the shares may differ by an image
    images = largest_everywhere(len(loader.dataset))  # type: ignore[arg-type]
    shape = {"batch_size": loader.batch_size, "images_per_epoch": images}
    n_processes = idist.get_world_size()
    return shape if n_processes == 1 else {**shape, "n_processes": n_processes}
