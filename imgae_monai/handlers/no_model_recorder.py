"""What no model at all scores on the images that an evaluation scored."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import PathLike
from numpy.typing import NDArray

from imgae_monai.audit.against_no_model import compare_with_no_model
from imgae_monai.audit.split_scores import score_split
from imgae_monai.data.datalist import Datalist
from imgae_monai.data.datalist_file import read_datalist_file
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.image_reference import split_reference
from imgae_monai.exceptions import InputError

COLUMNS = ("image", "label", "patient_id")


class NoModelRecorder:
    """Score the images of an evaluation without a model, and compare.

    Mean image and PCA are fitted to normal training images: those of the evaluated data, or where these have none (or
    they are what is evaluated), those that the run was trained on and that are still there. Validation and test images
    teach nothing here, and no image that is evaluated does.

    Args:
        datalist: the data.
        split: the split that is evaluated.
        trained_on: the data list that training left.
        window: as the run reads images.
        spatial_dims: 2, or 3 of volumes, which have no such scores.
        enabled: whether it is done at all.
        seed: of the bootstrap, and of the training images where there are more than 2,000.
    """

    def __init__(
        self,
        datalist: Datalist,
        split: str,
        trained_on: PathLike,
        window: str = "auto",
        spatial_dims: int = 2,
        enabled: bool = True,
        seed: int = 0,
    ) -> None:
        self.datalist = datalist
        self.split = split
        self.trained_on = Path(trained_on)
        self.window = window
        self.spatial_dims = spatial_dims
        self.enabled = enabled
        self.seed = seed
        self.scores: dict[str, NDArray[np.float64]] = {}
        self.reason: str | None = None

    def results(self, rows: Sequence[Mapping[str, Any]], n_draws: int) -> dict[str, Any] | None:
        """Figures for ``metrics.json``. Nothing here ends an evaluation whose images have been scored.

        Args:
            rows: ``image``, ``label``, ``patient_id`` and the model's ``score`` of each image.
            n_draws: bootstrap draws.

        Returns:
            what :py:func:`imgae_monai.audit.compare_with_no_model` gives with ``n_train``, the number of training
            images that mean image and PCA were fitted to; None where it can't be had, see ``reason``.
        """
        self.scores = {}
        self.reason = self._obstacle(rows)
        if self.reason is not None:
            return None
        try:
            self.scores, n_train = score_split(
                [row["image"] for row in rows], self._training_normals(), self.window, seed=self.seed
            )
        except InputError as e:
            self.reason = str(e)
            return None
        scores, labels, patients = ([row[key] for row in rows] for key in ("score", "label", "patient_id"))
        result = compare_with_no_model(self.scores, scores, labels, patients, n_draws, self.seed)
        return None if result is None else {**result, "n_train": n_train}

    def write(self, path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the scores of :py:meth:`results` as a table, one column a score; nothing where there are none."""
        if not self.scores:
            return
        with open(path, "w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow([*COLUMNS, *self.scores])
            for row, values in zip(rows, np.column_stack([*self.scores.values()]).tolist(), strict=True):
                writer.writerow([*(row[key] for key in COLUMNS), *values])

    def _obstacle(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        if not self.enabled:
            return "switched off: no_model is false"
        if any(is_streamed(row["image"]) for row in rows):
            return "the images are of a stream, which can't be read twice"
        if self.spatial_dims != 2:
            return "these scores are of 2-D images, not of volumes"
        if len({row["label"] for row in rows}) < 2:
            return "undefined: the images are of one class only"
        return None

    def _training_normals(self) -> list[dict[str, Any]]:
        evaluated = {item["sha256"] for item in self.datalist.items if item["split"] == self.split}
        items = [] if self.split == "train" else self.datalist.items
        if not any(item["split"] == "train" for item in items) and self.trained_on.is_file():
            items = read_datalist_file(self.trained_on)
        return [
            item
            for item in items
            if (item["split"], item["label"]) == ("train", 0)
            and item.get("sha256") not in evaluated
            and not is_streamed(item["image"])
            and split_reference(item["image"])[0].is_file()
        ]
