"""Fit threshold and normal residuals on normal validation images."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.config import PathLike
from monai.engines import Evaluator
from monai.utils import convert_to_tensor

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.calibration import Calibration, ScoreDefinition, ZScoreMap, check_enough, normal_quantile

logger = logging.getLogger(__name__)


class Calibrator:
    """Run an evaluator over normal validation images and save what they teach about the score.

    A first pass takes the maps' per-pixel mean and standard deviation, and the scores. Where the score is z-scored, a
    second pass standardises each map by the *other* images' statistics (leave one out, in closed form), since an image
    that helped to set the mean looks more normal than a new one would and the threshold would come out too low.
    Memory does not grow with the number of images.

    Args:
        evaluator: its output holds ``label`` and ``anomaly_map`` (smoothed, not z-scored) for each image.
        score: the score's definition.
        specificity: share of normal images that should stay at or below the threshold, in (0, 1).
        ckpt_dir: folder with ``model.pt``; the calibration is written beside it.
        datalist: the data, for its fingerprint.

    Raises:
        InputError: when there are too few validation images for the specificity (before any training).
    """

    def __init__(
        self,
        evaluator: Evaluator,
        score: ScoreDefinition,
        specificity: float,
        ckpt_dir: PathLike,
        datalist: Datalist,
    ) -> None:
        loader: Any = evaluator.data_loader
        check_enough(len(loader.dataset), specificity)
        self.evaluator = evaluator
        self.score = score
        self.specificity = specificity
        self.ckpt_dir = Path(ckpt_dir)
        self.datalist = datalist
        self._reduce = AnomalyScore(score.reduction, score.top_fraction)

    def run(self) -> Calibration:
        """Calibrate and save to :py:func:`calibration_path`.

        Raises:
            InputError: when an image is not normal, or there are too few for the specificity.
        """
        scores: list[float] = []
        maxima: list[float] = []
        total = square = torch.zeros(0, dtype=torch.float64)

        def first_pass(engine: Engine) -> None:
            nonlocal total, square
            for item in engine.state.output:
                if int(item["label"]) != 0:
                    raise InputError("calibration takes normal images only, got an abnormal one")
                array = _plain(item["anomaly_map"])
                total = total + array if total.numel() else array.clone()
                square = square + array.square() if square.numel() else array.square()
                scores.append(float(self._reduce(array)))
                maxima.append(float(array.max()))

        self._run_pass(first_pass)
        n = len(scores)
        mean, std = _mean_std(total, square, n)
        if self.score.z_score:
            scores.clear()
            maxima.clear()

            def second_pass(engine: Engine) -> None:
                for item in engine.state.output:
                    array = _plain(item["anomaly_map"])
                    others = _mean_std(total - array, square - array.square(), n - 1)
                    array = ZScoreMap(*others)(array)
                    scores.append(float(self._reduce(array)))
                    maxima.append(float(array.max()))

            if n < 3:  # the others' standard deviation takes two
                raise InputError(f"a z-scored map needs at least 3 normal validation images, got {n}")
            self._run_pass(second_pass)
        calibration = Calibration(
            threshold=normal_quantile(np.asarray(scores), self.specificity),
            specificity=self.specificity,
            mean=mean.float(),
            std=std.float(),
            map_limit=normal_quantile(np.asarray(maxima), self.specificity),
            n_images=n,
            score=self.score,
            checkpoint_sha256=file_sha256(self.ckpt_dir / "model.pt"),
            data_fingerprint=self.datalist.fingerprint,
        )
        path = calibration_path(self.ckpt_dir, self.score)
        calibration.save(path)
        logger.info(
            "threshold %.6g at %.1f %% specificity from %d normal validation images, saved to %s",
            calibration.threshold,
            100 * self.specificity,
            n,
            path,
        )
        return calibration

    def _run_pass(self, collect: Callable[[Engine], None]) -> None:
        with self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, collect):
            self.evaluator.run()


def _plain(anomaly_map: torch.Tensor) -> torch.Tensor:
    # without MetaTensor's metadata, which are one image's and would be saved
    return convert_to_tensor(anomaly_map, dtype=torch.float64, device="cpu", track_meta=False)


def _mean_std(total: torch.Tensor, square: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    mean = total / n
    variance = (square - n * mean.square()) / (n - 1)
    return torch.as_tensor(mean), torch.as_tensor(variance.clamp_min(0.0).sqrt())


def calibration_path(ckpt_dir: PathLike, score: ScoreDefinition) -> Path:
    """File of the calibration for one score beside a checkpoint."""
    return Path(ckpt_dir) / f"calibration-{score.name}.pt"


def load_calibration(ckpt_dir: PathLike, score: ScoreDefinition) -> Calibration:
    """Load the calibration for one score of the checkpoint ``model.pt`` in a folder.

    Raises:
        InputError: when there is none, or it belongs to other weights.
    """
    model = Path(ckpt_dir) / "model.pt"
    if not model.is_file():
        raise InputError(f"no checkpoint at {model}: train first, or give the folder of a finished run")
    return Calibration.load(calibration_path(ckpt_dir, score), score, file_sha256(model))


class StoredCalibration:
    """Stands for the calibration in a folder, and reads it when a field of it is asked for first.

    So that a config can be taken apart (MONAI's ``check_properties``, a bundle without weights) before there is one.

    Args:
        ckpt_dir: folder with ``model.pt`` and the calibration.
        score: the score's definition.
    """

    def __init__(self, ckpt_dir: PathLike, score: ScoreDefinition) -> None:
        self._ckpt_dir = ckpt_dir
        self._score = score

    @functools.cached_property
    def _calibration(self) -> Calibration:
        return load_calibration(self._ckpt_dir, self._score)

    def __getattr__(self, name: str) -> Any:
        """
        Raises:
            InputError: when there is no calibration, or it belongs to other weights.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._calibration, name)
