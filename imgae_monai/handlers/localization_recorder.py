"""Keep the anomaly maps of images whose regions are known, and tell how well they say where."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from monai.utils import convert_to_tensor
from numpy.typing import NDArray

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.regions import truth_masks
from imgae_monai.exceptions import InputError
from imgae_monai.metrics.against_center_prior import compare_with_center_prior
from imgae_monai.transforms.calibration import Calibration

MIN_IMAGES_A_FINDING = 5
MAX_DRAWS = 2000  # each takes far longer than one of the image-level metrics


class LocalizationRecorder:
    """Localisation of one evaluation: truth masks before the first image, maps as they come, figures at the end.

    Only maps of images with regions (boxes or a mask) are kept, float32, one an image: 64 kB at 128 x 128 pixels. An
    abnormal image of unknown regions is in no figure, and no normal one is.

    Args:
        datalist: the data, whose items may have ``boxes`` and ``mask``.
        split: the split that is evaluated.
        geometry: what brings an image to the network's size, :py:class:`imgae_monai.transforms.ResizeKeepAspect` as in
            the run's own preprocessing.
    """

    def __init__(self, datalist: Datalist, split: str, geometry: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.datalist = datalist
        self.split = split
        self.geometry = geometry
        self._truths: dict[str, NDArray[np.bool_]] = {}
        self._maps: dict[str, NDArray[np.float32]] = {}
        self._patients: dict[str, str] = {}
        self.reason: str | None = None

    def start(self) -> None:
        """Read the regions and forget the maps of an earlier evaluation.

        Raises:
            InputError: when an image with a region or a mask can't be read, or they are of different shapes.
        """
        regions = self.datalist.regions(self.split)
        streamed = any(map(is_streamed, regions))
        self.reason = None
        if not regions:
            self.reason = f"no region (boxes or a mask) of an image of the {self.split} split is known"
        elif streamed:
            self.reason = "the images are of a stream, which can't be read twice"
        self._truths = {} if self.reason else truth_masks(regions, self.geometry)
        self._maps, self._patients = {}, {}

    def add(self, image: str, patient_id: str, anomaly_map: torch.Tensor) -> None:
        """Keep a map if the image has a region.

        Args:
            image: its path.
            patient_id: its patient.
            anomaly_map: shape (1, H, W[, D]), as it is scored.

        Raises:
            InputError: when it is not of the shape that the geometry gives.
        """
        truth = self._truths.get(image)
        if truth is None:
            return
        array = convert_to_tensor(anomaly_map[0], track_meta=False, dtype=torch.float32).cpu().numpy()
        if array.shape != truth.shape:
            raise InputError(
                f"the map of {image} is of shape {array.shape}, its regions of {truth.shape}: the geometry of the "
                "localization is not that of the preprocessing; make them the same, or set localization to null"
            )
        self._maps[image], self._patients[image] = array.copy(), patient_id

    def state_dict(self) -> dict[str, Any]:
        """Maps and patients by image."""
        maps = {image: torch.from_numpy(array) for image, array in self._maps.items()}
        return {"maps": maps, "patients": dict(self._patients)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Add the maps that another process has kept."""
        self._maps |= {image: array.numpy() for image, array in state_dict["maps"].items()}
        self._patients |= state_dict["patients"]

    def results(self, calibration: Calibration, n_draws: int, seed: int) -> dict[str, Any] | None:
        """Figures for ``metrics.json``.

        Args:
            calibration: gives the threshold of a pixel.
            n_draws: bootstrap draws behind each interval, of which 2,000 at most are made.
            seed: of the draws.

        Returns:
            what :py:func:`imgae_monai.metrics.compare_with_center_prior` gives, with ``threshold``,
            ``threshold_source``, ``truth_sha256`` (of images, regions and size) and ``by_finding``; None where no map
            was kept, see ``reason``.
        """
        if not self._maps:
            self.reason = self.reason or "no image with a region was scored"
            return None
        threshold = calibration.pixel_threshold
        source = (
            "undefined: the calibration is of an earlier version; imgae-monai calibrate RUN makes it anew"
            if threshold is None
            else f"quantile {calibration.specificity:g} of the pixels of {calibration.n_images} normal validation "
            "images' maps"
        )

        def compare(images: list[str]) -> dict[str, Any]:
            return compare_with_center_prior(
                [self._maps[image] for image in images],
                [self._truths[image] for image in images],
                [self._patients[image] for image in images],
                threshold,
                min(n_draws, MAX_DRAWS),
                seed,
            )

        return {
            **compare([*self._maps]),
            "threshold": threshold,
            "threshold_source": source,
            "truth_sha256": self._truth_sha256(),
            "by_finding": [
                {"finding": finding, **compare(images)} for finding, images in sorted(self._by_finding().items())
            ],
        }

    def _by_finding(self) -> dict[str, list[str]]:
        """Images by finding of their boxes, or of the image where those tell none; small groups left out."""
        groups: dict[str, list[str]] = defaultdict(list)
        for item in self.datalist.items:
            if item["split"] == self.split and item["image"] in self._maps:
                own = {str(box["finding"]) for box in item.get("boxes") or [] if box.get("finding")}
                for finding in own or {part for part in str(item.get("finding") or "").split("|") if part}:
                    groups[finding].append(item["image"])
        return {finding: images for finding, images in groups.items() if len(images) >= MIN_IMAGES_A_FINDING}

    def _truth_sha256(self) -> str:
        """The same for the same images and regions, whatever they are called and wherever they lie."""
        hashes = {i["image"]: i["sha256"] for i in self.datalist.items if i["split"] == self.split}
        lines = sorted(
            f"{hashes[image]} {self._truths[image].shape} "
            f"{hashlib.sha256(np.packbits(self._truths[image]).tobytes()).hexdigest()}"
            for image in self._maps
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
