"""One site's part in a calibration of all sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import PathLike
from monai.engines import Evaluator
from numpy.typing import NDArray

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.data.unreadable import left_out
from imgae_monai.engines.calibrator import calibration_path
from imgae_monai.engines.component_fit import ComponentFit
from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.engines.normal_codes import collect_codes
from imgae_monai.engines.normal_pass import NormalPass, as_it_is
from imgae_monai.exceptions import InputError
from imgae_monai.fl import histogram
from imgae_monai.fl.code_moments import CodeMoments
from imgae_monai.fl.message import COUNTS, HEADER, VALUES, Message, header, weights_sha256
from imgae_monai.fl.pooled import (
    MAP,
    PEAK,
    PIXEL,
    SCORE,
    code_key,
    code_moments,
    code_sums,
    component_key,
    gaussians,
    map_moments,
    map_sums,
    pooled_calibration,
)
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.score_definition import ScoreDefinition

STEP = 0.001
FEWEST = 20


class SiteCalibrator:
    """What :py:class:`imgae_monai.engines.Calibrator` does, with images of many sites, none of which leaves its own.

    Three times each site sends a message, and gets the one of all sites back
    (:py:func:`imgae_monai.fl.merge`):

    1. :py:meth:`moments`: sums of anomaly maps pixel by pixel, and of codes axis by axis;
    2. :py:meth:`scatter`: sums of products of codes' axes, where the score has codes;
    3. :py:meth:`scores`: histograms of the scores, of the maps' heights and of their pixels, by what all sites have
       said before.

    Then :py:meth:`save` writes the calibration, the same at each site but for the hashes of the site's own images,
    which stay there. It is the one that a ``Calibrator`` makes of all images together, but for the histograms' step.

    Args:
        evaluator: as for the ``Calibrator``.
        score: the score's definition, the same at all sites.
        specificity: share of all sites' normal images that should stay at or below the threshold, in (0, 1).
        ckpt_dir: folder with ``model.pt``, the same weights at all sites.
        datalist: the site's data.
        skipped: as there.
        train_loader: as there.
        ensemble: must be 1: the members of an ensemble are a site's own.
        step: relative width of the histograms' cells: a threshold is at most so much above that of the exact scores. 0
            sends the scores as they are, without order or name; a pixel's are counted in cells of 0.1 % all the same.
        fewest: where the validation or training images that can be read are of fewer patients, nothing is sent, as sums
            of few tell much of each. An image whose patient is not known counts as a patient, all slices of a volume as
            one.

    Raises:
        InputError: when there are fewer patients than ``fewest``, or an ensemble.
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
        step: float = STEP,
        fewest: int = FEWEST,
    ) -> None:
        if ensemble != 1:
            raise InputError(f"ensemble must be 1 in a federated calibration, got {ensemble}: members are a site's own")
        if score.codes and train_loader is None:
            raise ValueError(f"the score {score.name!r} takes codes of training images: train_loader is None")
        self.evaluator = evaluator
        self.score = score
        self.specificity = specificity
        self.ckpt_dir = Path(ckpt_dir)
        self.datalist = datalist
        self.train_loader = train_loader
        self.step = step
        self.fewest = fewest
        self._pass = NormalPass(evaluator, score, skipped)
        self._codes: dict[str, NDArray[np.float64]] | None = None
        for split in ("val", "train") if score.codes else ("val",):
            self._check_enough(split, set())

    def moments(self) -> Message:
        """First message.

        Raises:
            InputError: as ``Calibrator.run``; or when images that can be read are of fewer patients than ``fewest``.
        """
        maps, components = MapMoments(), ComponentFit(self.score)
        self._pass.collect(maps.add, components.observe)
        self._check_enough("val", self._pass.missing)
        message = self._message("moments") | map_sums(maps, MAP)
        for name, moments in components.moments.items():
            message |= map_sums(moments, component_key(name))
        self._codes = self._collect_codes()
        for name, codes in self._codes.items():
            message |= code_sums(CodeMoments.of(codes), name)
        return message

    def scatter(self, moments: Message) -> Message:
        """Second message; without codes it says nothing, and need not be sent.

        Args:
            moments: the first ones, merged.
        """
        message = self._message("scatter")
        for name, codes in self._own_codes().items():
            products, fourth = code_moments(moments, name).scatter(codes)
            message |= {f"{code_key(name)}/scatter": products, f"{code_key(name)}/fourth": fourth}
        return message

    def scores(self, moments: Message, scatter: Message | None = None) -> Message:
        """Third message.

        Args:
            moments: the first ones, merged.
            scatter: the second ones, merged; None where the score has no codes.

        Raises:
            InputError: as :py:meth:`moments`.
        """
        maps, components = map_moments(moments, MAP), ComponentFit(self.score)
        components.moments = {name: map_moments(moments, component_key(name)) for name in components.moments}
        components.codes = gaussians(moments, scatter, self.score)
        prepare = maps.standardise_by_the_others if self.score.z_score else as_it_is
        scores, peaks, pixels = self._pass.collect(prepare, components.measure)
        self._check_enough("val", self._pass.missing)
        rows = np.stack(components.rows) if self.score.components else np.asarray(scores)[:, None]
        return (
            self._message("scores")
            | _counted(SCORE, rows, self.step)
            | _counted(PEAK, np.asarray(peaks)[:, None], self.step)
            | _counted(PIXEL, pixels[:, None], self.step or STEP)
        )

    def save(self, moments: Message, scatter: Message | None, scores: Message) -> Calibration:
        """Write the calibration of all sites beside this site's weights.

        Args:
            moments: the first messages, merged.
            scatter: the second ones, or None.
            scores: the third ones.

        Raises:
            InputError: when all sites together have too few images for the specificity.
        """
        calibration = pooled_calibration(
            moments,
            scatter,
            scores,
            checkpoint_sha256=file_sha256(self.ckpt_dir / "model.pt"),
            data_fingerprint=self.datalist.fingerprint,
            image_sha256=self._pass.images_of(self.datalist),
        )
        calibration.save(calibration_path(self.ckpt_dir, self.score))
        return calibration

    def _message(self, stage: str) -> Message:
        weights = weights_sha256(self.ckpt_dir / "model.pt")
        return {HEADER: header(stage, self.score, self.specificity, weights, self.step)}

    def _check_enough(self, split: str, unread: Set[str]) -> None:
        items = [item for item in self.datalist.items if (item["split"], item["label"]) == (split, 0)]
        read = [item for item in items if item["image"] not in unread]
        n_patients = len({item["patient_id"] for item in read})  # an unknown one has a stand-in
        if n_patients < self.fewest:
            raise InputError(
                f"a site needs normal {split} images of at least {self.fewest} patients to take part, got {len(read)} "
                f"that can be read, of {n_patients}: sums of few tell much of each; lower fewest only where that may "
                "leave the site"
            )

    def _collect_codes(self) -> dict[str, NDArray[np.float64]]:
        """With the network as the first pass loaded it."""
        if not self.score.codes or self.train_loader is None:
            return {}
        unread: set[str] = set()
        batches = _noting_unread(self.train_loader, unread)
        codes = collect_codes(self.score.codes, self.evaluator.network, batches, self.evaluator.state.device)
        self._check_enough("train", unread)
        return codes

    def _own_codes(self) -> dict[str, NDArray[np.float64]]:
        if self._codes is None:
            raise RuntimeError("moments() comes before scatter(), in one process: it keeps the codes of this site")
        return self._codes


def _noting_unread(batches: Iterable[Mapping[str, Any]], unread: set[str]) -> Iterator[Mapping[str, Any]]:
    for batch in batches:
        unread.update(image.path for image in left_out(batch))
        yield batch


def _counted(key: str, values: NDArray[np.float64], step: float) -> Message:
    rows, counts = histogram.counted(histogram.round_up(values, step))
    return {key + VALUES: rows, key + COUNTS: counts}
