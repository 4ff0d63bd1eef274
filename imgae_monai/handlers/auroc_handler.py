"""The AUROC of an evaluation as an engine's metric, right for any input and over ranks."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine
from ignite.metrics import Metric

from imgae_monai.exceptions import InputError
from imgae_monai.metrics import compute_auroc

logger = logging.getLogger(__name__)


class AurocHandler(Metric):
    """Area under the ROC curve of the images' scores, for ``key_val_metric`` and the like.

    MONAI's ``ROCAUC`` accumulates in the labels' dtype, gives NaN for one class (which then stays the best metric for
    ever), takes NaN scores as they come, and counts images twice that a distributed sampler repeats to fill up a rank.
    Here an undefined area is ``None`` and the reason is logged: MONAI's engines and savers pass over a metric that is
    no number, and the first area that is one becomes the best.

    Args:
        score_key: of the raw anomaly score in the engine's output, higher is more abnormal.
        label_key: of the class in the output: 0 normal, 1 abnormal; integer, boolean or float.
        path_key: of what names an image in the batch; an image that comes again, on whatever rank, is counted once.
    """

    def __init__(self, score_key: str = "score", label_key: str = "label", path_key: str = "image_path") -> None:
        self.score_key = score_key
        self.label_key = label_key
        self.path_key = path_key
        self._rows: list[tuple[str, float, float]] = []
        super().__init__()

    def reset(self) -> None:
        """Forget all images; at an epoch's start."""
        self._rows = []

    def iteration_completed(self, engine: Engine) -> None:
        """Args: engine: an evaluator, whose batch and output are lists of one dictionary an image."""
        self.update(
            [
                (str(batch[self.path_key]), _number(output[self.score_key]), _number(output[self.label_key]))
                for batch, output in zip(engine.state.batch, engine.state.output, strict=True)
            ]
        )

    def update(self, output: Sequence[tuple[str, float, float]]) -> None:
        """Args: output: path, score and label of each image."""
        self._rows.extend(output)

    def compute(self) -> float | None:
        """The area over the images of all ranks, or None where a class is absent.

        Raises:
            InputError: a score is NaN or infinite, or a label neither 0 nor 1; says of which images.
        """
        # as text, so that nothing is unpickled
        gathered = [row for text in idist.all_gather(json.dumps(self._rows)) for row in json.loads(text)]
        images = {path: (score, label) for path, score, label in reversed(gathered)}
        scores, labels = np.array([*images.values()], dtype=np.float64).reshape(-1, 2).T
        try:
            area = compute_auroc(scores, labels, [*images])
        except ValueError as e:
            raise InputError(f"AUROC: {e}") from e
        if area is None:
            n_abnormal = int(labels.sum())
            logger.warning("AUROC is undefined: %d normal, %d abnormal images", len(labels) - n_abnormal, n_abnormal)
        return area


def _number(value: Any) -> float:
    number = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if number.size != 1:
        raise InputError(f"AUROC: score and label must be one number an image, got an array of shape {number.shape}")
    return float(number.reshape(()))
