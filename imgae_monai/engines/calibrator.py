"""Fit threshold and normal residuals on normal validation images."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.config import PathLike
from monai.engines import Evaluator

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.engines.component_fit import ComponentFit
from imgae_monai.engines.ensemble_members import members_sha256
from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.engines.normal_codes import fit_codes
from imgae_monai.engines.normal_pass import NormalPass, as_it_is
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.calibration import Calibration, check_enough, normal_quantile
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import ScoreDefinition

logger = logging.getLogger(__name__)


class Calibrator:
    """Run an evaluator over normal validation images and save what they teach about the score.

    A first pass takes the maps' per-pixel mean and standard deviation, and the scores. Where the score is z-scored, a
    second pass standardises each map by the *other* images' statistics (leave one out, in closed form), since an image
    that helped to set the mean looks more normal than a new one would and the threshold would come out too low.
    A score of components (combined or two-sided) is fitted by :py:class:`imgae_monai.engines.ComponentFit`.

    Args:
        evaluator: its output holds ``label`` and ``anomaly_map`` (smoothed, not z-scored) for each image, and
            ``component_maps`` where the score has components.
        score: the score's definition.
        specificity: share of normal images that should stay at or below the threshold, in (0, 1).
        ckpt_dir: folder with ``model.pt``; the calibration is written beside it.
        datalist: the data, for its fingerprint.
        skipped: images that training left out because they can't be read; only these may be missing.
        train_loader: normal training images, needed where the score has codes, see
            :py:func:`imgae_monai.engines.fit_codes`.
        ensemble: number of members that the evaluator's inferer runs, see
            :py:class:`imgae_monai.inferers.EnsembleInferer`.

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
        skipped: SkippedImages | None = None,
        train_loader: Iterable[Mapping[str, Any]] | None = None,
        ensemble: int = 1,
    ) -> None:
        loader: Any = evaluator.data_loader
        check_enough(len(loader.dataset), specificity)
        self.evaluator = evaluator
        self.score = score
        self.specificity = specificity
        self.ckpt_dir = Path(ckpt_dir)
        self.datalist = datalist
        self.ensemble = ensemble
        self.train_loader = train_loader
        self._pass = NormalPass(evaluator, score, skipped)

    def run(self) -> Calibration:
        """Calibrate and save to :py:func:`calibration_path`.

        Raises:
            InputError: when an image is not normal or, unlike in training, can't be read, or there are too few for the
                specificity.
        """
        moments, components = MapMoments(), ComponentFit(self.score)
        scores, peaks, pixels = self._pass.collect(moments.add, components.observe)
        combination = None
        if (self.score.z_score or components.moments) and moments.n < 3:  # the others' standard deviation takes two
            raise InputError(f"a z-scored map needs at least 3 normal validation images, got {moments.n}")
        if self.score.z_score or self.score.components:
            components.codes = self._fit_codes()
            prepare = moments.standardise_by_the_others if self.score.z_score else as_it_is
            scores, peaks, pixels = self._pass.collect(prepare, components.measure)
        if self.score.components:
            combination, left_out_scores = components.fit()
            scores = left_out_scores.tolist()
        mean, std = moments.mean_std()
        calibration = Calibration(
            threshold=normal_quantile(np.asarray(scores), self.specificity),
            specificity=self.specificity,
            mean=mean.float(),
            std=std.float(),
            map_limit=normal_quantile(np.asarray(peaks), self.specificity),
            n_images=moments.n,
            score=self.score,
            checkpoint_sha256=file_sha256(self.ckpt_dir / "model.pt"),
            members_sha256=members_sha256(self.ckpt_dir, self.ensemble),
            data_fingerprint=self.datalist.fingerprint,
            image_sha256=self._pass.images_of(self.datalist),
            pixel_threshold=normal_quantile(pixels, self.specificity),
            normal_scores=tuple(sorted(scores)),
            combination=combination,
            map_moments={name: _stored(moments) for name, moments in components.moments.items()},
            codes=components.codes,
        )
        path = calibration_path(self.ckpt_dir, self.score)
        calibration.save(path)
        logger.info(
            "threshold %.6g at %.1f %% specificity from %d normal validation images, saved to %s",
            calibration.threshold,
            100 * self.specificity,
            moments.n,
            path,
        )
        return calibration

    def _fit_codes(self) -> dict[str, Gaussian]:
        """With the network as the first pass loaded it."""
        if not self.score.codes:
            return {}
        if self.train_loader is None:
            raise ValueError(f"the score {self.score.name!r} takes codes of training images: train_loader is None")
        return fit_codes(self.score.codes, self.evaluator.network, self.train_loader, self.evaluator.state.device)


def _stored(moments: MapMoments) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = moments.mean_std()
    return mean.float(), std.float()


def calibration_path(ckpt_dir: PathLike, score: ScoreDefinition) -> Path:
    """File of the calibration for one score beside a checkpoint."""
    return Path(ckpt_dir) / f"calibration-{score.name}.pt"


def load_calibration(ckpt_dir: PathLike, score: ScoreDefinition, ensemble: int = 1) -> Calibration:
    """Load the calibration for one score of the checkpoint ``model.pt``, or of an ensemble, in a folder.

    Raises:
        InputError: when there is none, or it belongs to other weights.
    """
    model = Path(ckpt_dir) / "model.pt"
    if not model.is_file():
        raise InputError(f"no checkpoint at {model}: train first, or give the folder of a finished run")
    members = members_sha256(ckpt_dir, ensemble)
    return Calibration.load(calibration_path(ckpt_dir, score), score, file_sha256(model), members)


class StoredCalibration:
    """Stands for the calibration in a folder, and reads it when a field of it is asked for first.

    So that a config can be taken apart (MONAI's ``check_properties``, a bundle without weights) before there is one.

    Args:
        ckpt_dir: folder with ``model.pt`` and the calibration.
        score: the score's definition.
        ensemble: number of members that give the score.
    """

    def __init__(self, ckpt_dir: PathLike, score: ScoreDefinition, ensemble: int = 1) -> None:
        self._ckpt_dir = ckpt_dir
        self._score = score
        self._ensemble = ensemble

    @functools.cached_property
    def _calibration(self) -> Calibration:
        return load_calibration(self._ckpt_dir, self._score, self._ensemble)

    def __getattr__(self, name: str) -> Any:
        """
        Raises:
            InputError: when there is no calibration, or it belongs to other weights.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._calibration, name)
