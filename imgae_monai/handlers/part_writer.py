"""Write the scores of long lists as parts of a table."""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from imgae_monai.data.image_list import KNOWN
from imgae_monai.data.images import is_synthetic
from imgae_monai.data.part_plan import PartPlan
from imgae_monai.data.row_table import write_rows
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.calibration import Calibration

logger = logging.getLogger(__name__)


class PartWriter:
    """Collect a row for each image, and write a part of the table when its last image is scored.

    A row has :py:data:`imgae_monai.data.row_table.COLUMNS`; that of an image that can't be read has neither score nor
    decision, and the reason under ``unreadable``. No more than one part is ever held.

    Args:
        plan: which parts.
        calibration: gives the threshold.
    """

    def __init__(self, plan: PartPlan, calibration: Calibration) -> None:
        self.plan = plan
        self.calibration = calibration
        self._rows: list[dict[str, Any]] = []
        self._n_written = 0
        self._started = 0.0

    def attach(self, engine: Engine) -> None:
        """Args: engine: an evaluator whose batch has ``index`` and ``reason``, and whose output has ``score``."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)

    def _start(self, engine: Engine) -> None:
        self._rows, self._n_written, self._started = [], 0, time.monotonic()

    def _collect(self, engine: Engine) -> None:
        part = self.plan.pending[self._n_written]
        indices = self.plan.images_of(part)
        for item, output in zip(engine.state.batch, engine.state.output, strict=True):
            index = int(item["index"])
            if index != indices[len(self._rows)]:
                raise RuntimeError(f"the loader gave image {index} in the place of {indices[len(self._rows)]}")
            self._rows.append(self._row(index, item["reason"], output))
        if len(self._rows) == len(indices):
            self._write(part)

    def _row(self, index: int, reason: str, output: Mapping[str, Any]) -> dict[str, Any]:
        image = self.plan.images[index]
        threshold = float(self.calibration.threshold)
        row: dict[str, Any] = {key: image.get(key) for key in ("image", *KNOWN)}
        row |= {"threshold": threshold, "synthetic": _synthetic(str(Path(image["image"]).parent))}
        if reason:
            logger.warning("no score: %s", reason)
            return {**row, "unreadable": reason}
        score = float(output["score"])
        if not math.isfinite(score):
            raise InputError(f"{image['image']} has the score {score}: check the weights; take it out of the list")
        return {**row, "score": score, "decision": int(score > threshold)}

    def _write(self, part: int) -> None:
        write_rows(self.plan.path(part), self._rows)
        self._rows = []
        self._n_written += 1
        done = sum(len(self.plan.images_of(p)) for p in self.plan.pending[: self._n_written])
        logger.info(
            "rank %d of %d: part %d written, %d of %d to do, %.0f images/s",
            self.plan.rank,
            self.plan.world_size,
            part,
            self._n_written,
            len(self.plan.pending),
            done / max(time.monotonic() - self._started, 1e-9),
        )


@functools.lru_cache(maxsize=1024)
def _synthetic(folder: str) -> int:
    return int(is_synthetic(Path(folder) / "image"))
