"""Pass normal validation images through an evaluator, and keep what a calibration is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.utils import convert_to_tensor
from numpy.typing import NDArray

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.skipped_images import SkippedImages
from imgae_monai.data.unreadable import left_out
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.component_maps import MAPS_KEY
from imgae_monai.transforms.score_definition import ScoreDefinition

_PIXELS_AN_IMAGE = 1024  # that the threshold of a pixel is taken from
_PIXELS = 2**23  # of all images: 64 MB


class NormalPass:
    """Run an evaluator over normal validation images, once or again.

    Of each map that is scored some 1,024 pixels are kept, evenly spaced and others each time, for the threshold of a
    pixel; fewer of more than 8,192 images, so that memory does not grow with their number.

    Args:
        evaluator: its output holds ``label`` and ``anomaly_map`` (smoothed, not z-scored) for each image, and
            ``component_maps`` where the score has components.
        score: the score's definition.
        skipped: images that training left out because they can't be read; only these may be missing.
    """

    def __init__(self, evaluator: Evaluator, score: ScoreDefinition, skipped: SkippedImages | None = None) -> None:
        self.evaluator = evaluator
        self.score = score
        self.skipped = SkippedImages() if skipped is None else skipped
        self.missing: set[str] = set()
        self._reduce = AnomalyScore(score.reduction, score.top_fraction)

    def collect(
        self,
        prepare: Callable[[torch.Tensor], torch.Tensor],
        take: Callable[[Mapping[str, torch.Tensor]], None],
    ) -> tuple[list[float], list[float], NDArray[np.float64]]:
        """
        Args:
            prepare: what is done to a map (float64) before it is scored.
            take: gets the maps of an image's components, where the score has some.

        Returns:
            each image's score, the height of its map (the mean of its highest hundredth), and some of all pixels.

        Raises:
            InputError: when an image is not normal or, unlike in training, can't be read.
        """
        scores: list[float] = []
        peaks: list[float] = []
        pixels: list[NDArray[np.float64]] = []
        height = AnomalyScore("top", top_fraction=0.01)

        def collect(engine: Engine) -> None:
            for item in engine.state.output:
                if int(item["label"]) != 0:
                    raise InputError("calibration takes normal images only, got an abnormal one")
                array = prepare(convert_to_tensor(item["anomaly_map"], track_meta=False, dtype=torch.float64).cpu())
                scores.append(float(self._reduce(array)))
                peaks.append(float(height(array)))
                pixels.append(self._sample(array, len(pixels)))
                if self.score.components:
                    take(item[MAPS_KEY])

        with (
            self.evaluator.add_event_handler(Events.GET_BATCH_COMPLETED, self._check_batch),
            self.evaluator.add_event_handler(Events.ITERATION_COMPLETED, collect),
        ):
            self.evaluator.run()
        return scores, peaks, np.concatenate(pixels) if pixels else np.empty(0)

    def images_of(self, datalist: Datalist) -> tuple[str, ...]:
        """Hashes of the normal validation images of a data list that were passed, ascending."""
        normal = [i for i in datalist.items if (i["split"], i["label"]) == ("val", 0)]
        return tuple(sorted(i["sha256"] for i in normal if i.get("image") not in self.missing))

    def _sample(self, array: torch.Tensor, number: int) -> NDArray[np.float64]:
        """Evenly spaced pixels of the ``number``-th map; the next map gives the pixels beside them."""
        loader: Any = self.evaluator.data_loader
        most = max(1, min(_PIXELS_AN_IMAGE, _PIXELS // len(loader.dataset)))
        step = max(1, array.numel() // most) | 1  # odd: an even one falls on the same columns in every row
        return array.flatten()[number % step :: step].numpy().copy()

    def _check_batch(self, engine: Engine) -> None:
        images = left_out(engine.state.batch)
        self.skipped.check_listed(images)
        self.missing.update(image.path for image in images)


def as_it_is(array: torch.Tensor) -> torch.Tensor:
    """A map that is not z-scored."""
    return array
