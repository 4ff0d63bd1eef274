"""Pictures and scores of validation images in TensorBoard, for watching only."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.handlers import TensorBoardHandler
from monai.utils import convert_to_tensor
from PIL import Image

from imgae_monai.data.datalist import Datalist
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.anomaly_score import AnomalyScore

_EACH = 4  # images of each class that are drawn
_SCALE = 0.25  # trained networks leave a small part of the contrast: more would draw black maps
_KEYS = ("image", "pred", "anomaly_map")


class WatchHandler(TensorBoardHandler):
    """Every few epochs pass validation images through the network and show in TensorBoard what it makes of them.

    The score is that of the anomaly map alone, neither z-scored nor combined, as nothing is calibrated yet.
    ``watch/pictures``: image, reconstruction, anomaly map and overlay of the same few images each time, evenly spaced
    in the data list. ``watch/score_normal``: histogram of the raw scores; where there are abnormal validation images
    ``watch/score_abnormal``, ``watch/auroc``, ``watch/average_precision``, ``watch/roc`` and ``watch/precision_recall``
    too. Nothing reads them: weights, schedule, early stop and threshold are chosen by normal validation images alone,
    and stay the same to the bit whether this handler is there or not, if the evaluator's loader draws from a generator
    of its own.

    Colours mean the same in all epochs and runs on the same images: the scale ends at a quarter of what the maps of
    flat reconstructions reach (images of one grey, the mean), which no network has a part in.

    Args:
        evaluator: its output holds ``image``, ``pred``, ``anomaly_map``, ``score`` and ``label`` of each image, its
            batch ``image_path``.
        anomaly_map: dictionary transform that makes ``anomaly_map`` of ``image`` and ``pred``.
        datalist: the data, from which the images to draw are chosen.
        summary_writer: TensorBoard's writer, or a :py:class:`imgae_monai.handlers.RunWriter`.
        interval: epochs from one look to the next.

    Raises:
        InputError: when ``interval`` is not positive.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        anomaly_map: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        datalist: Datalist,
        summary_writer: Any,
        interval: int,
    ) -> None:
        if interval < 1:
            raise InputError(f"picture_interval must be at least 1, or 0 for no pictures, got {interval}")
        super().__init__(summary_writer=summary_writer)
        self.evaluator = evaluator
        self.anomaly_map = anomaly_map
        self.interval = interval
        self.synthetic = datalist.synthetic
        self._drawn = {path: n for n, path in enumerate(_chosen(datalist))}
        self._scores: dict[int, list[float]] = {}
        self._examples: dict[int, dict[str, Any]] = {}
        self._limit: float | None = None

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer; attach this after the validation handler."""
        self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.EPOCH_COMPLETED(every=self.interval), self)

    def __call__(self, engine: Engine) -> None:
        """Look at the images; what was kept of them is let go of afterwards."""
        self._scores, self._examples = {0: [], 1: []}, {}
        try:
            self.evaluator.run(engine.state.epoch)
            self._write(engine.state.epoch)
        finally:
            self._scores, self._examples = {}, {}

    def _collect(self, engine: Engine) -> None:
        for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
            label, score = int(output["label"]), float(output["score"])
            self._scores[label].append(score)
            position = self._drawn.get(batch["image_path"])
            if position is not None:
                name = f"{Path(batch['image_path']).name}, {'abnormal' if label else 'normal'}, score {score:.4g}"
                self._examples[position] = {"caption": name, **{key: _cpu(output[key]) for key in _KEYS}}

    def _write(self, epoch: int) -> None:
        for label, name in enumerate(("normal", "abnormal")):
            if self._scores[label]:
                self._writer.add_histogram(f"watch/score_{name}", np.asarray(self._scores[label]), epoch)
        # matplotlib takes a second to import
        from imgae_monai.visualize import picture_grid

        rows = [example for _, example in sorted(self._examples.items())]
        if self._limit is None:
            self._limit = self._flat_limit(rows)
        limit, notice = self._limit, " (synthetic phantoms)" if self.synthetic else ""
        planes = [{**row, **{key: _plane(row[key]) for key in _KEYS}} for row in rows]
        self._add_figure(
            "watch/pictures", epoch, lambda file: picture_grid(planes, file, limit, f"epoch {epoch}{notice}")
        )
        if all(self._scores.values()):
            self._write_curves(epoch, f"validation, epoch {epoch}, for watching only{notice}")
        self._writer.flush()

    def _write_curves(self, epoch: int, title: str) -> None:
        from imgae_monai.metrics import compute_auroc, compute_average_precision
        from imgae_monai.visualize import plot_precision_recall, plot_roc

        scores = np.concatenate([self._scores[label] for label in (0, 1)])
        labels = np.repeat([0, 1], [len(self._scores[label]) for label in (0, 1)])
        self._writer.add_scalar("watch/auroc", compute_auroc(scores, labels), epoch)
        self._writer.add_scalar("watch/average_precision", compute_average_precision(scores, labels), epoch)
        series = {"model": scores}
        self._add_figure("watch/roc", epoch, lambda file: plot_roc(file, series, labels, title))
        self._add_figure(
            "watch/precision_recall", epoch, lambda file: plot_precision_recall(file, series, labels, title)
        )

    def _add_figure(self, tag: str, epoch: int, draw: Callable[[BinaryIO], None]) -> None:
        file = io.BytesIO()
        draw(file)
        self._writer.add_image(tag, np.asarray(Image.open(file).convert("RGB")), epoch, dataformats="HWC")

    def _flat_limit(self, rows: list[dict[str, Any]]) -> float:
        height = AnomalyScore("top", top_fraction=0.01)
        flat = [self.anomaly_map({"image": row["image"], "pred": _flattened(row)}) for row in rows]
        return max(1e-12, *(_SCALE * float(height(item["anomaly_map"])) for item in flat))


def _flattened(row: dict[str, Any]) -> torch.Tensor:
    """The prediction with a reconstruction of one grey value; what else the network says is kept."""
    image, prediction = row["image"], row["pred"]
    return torch.cat([torch.full_like(image, image.mean()), prediction[image.shape[0] :]])


def _chosen(datalist: Datalist) -> list[str]:
    """Paths of the images to draw, abnormal ones first, evenly spaced in the data list."""
    chosen = []
    for label in (1, 0):
        if datalist.counts["val"]["abnormal" if label else "normal"]:
            items = datalist.select("val", label)
            positions = np.linspace(0, len(items) - 1, min(_EACH, len(items))).round().astype(int)
            chosen += [items[position]["image_path"] for position in positions]
    return chosen


def _cpu(values: torch.Tensor) -> torch.Tensor:
    return convert_to_tensor(values, track_meta=False, dtype=torch.float32).detach().cpu()


def _plane(values: torch.Tensor) -> np.ndarray:
    """The first channel of an image, of a volume its middle slice."""
    plane = values[0]
    return np.asarray(plane if plane.ndim == 2 else plane[..., plane.shape[-1] // 2])
