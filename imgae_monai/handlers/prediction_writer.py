"""Write what was predicted for each image: score, decision, map and overlay."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.config import PathLike
from PIL import Image

from imgae_monai.data.image_reader import read_image
from imgae_monai.data.image_reference import reference_name, split_reference
from imgae_monai.data.images import is_synthetic
from imgae_monai.data.nifti_reader import canonical_affine, canonical_map, is_nifti
from imgae_monai.engines.run_folder import check_writable
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.scaled_map import ScaledMap

PREDICTION_COLUMNS = ("image", "score", "decision", "threshold", "map_png", "map_nifti", "overlay", "synthetic")


# a column for each of an explanation's files, and where its colour scale ends
_EXPLANATION_COLUMNS = ("png", "nifti", "overlay", "limit")


class PredictionWriter:
    """Write ``predictions.csv`` and, for each image, ``NAME_map.png``, ``NAME_map.nii.gz`` and ``NAME_overlay.png``.

    Maps have the size of the file that was read. The PNG is 8-bit grey, 255 at the calibration's ``map_limit`` or
    above; the NIfTI holds the raw values, x first, in ITK's orientation for pictures, so that it lies on the PNG in a
    viewer.
    A NIfTI volume's map gets the volume's own space (in canonical order), and its PNG and overlay show the middle axial
    slice.

    An explanation has a sign: the PNG is mid-grey at 0, and its colour scale ends at a limit of its own, which the
    table gives, since magnitudes of different images say little beside each other.

    Images with the same name in different folders get a piece of their path's hash appended. Rows are written as they
    come, so that a run that is cut off keeps them.

    Args:
        output_dir: folder to write to.
        calibration: threshold and colour scale.
        window: how the images were read, see :py:func:`imgae_monai.data.read_image`.
        explain: methods by which the score was explained; their maps are in the output by the same names.
    """

    def __init__(
        self, output_dir: PathLike, calibration: Calibration, window: str = "auto", explain: Sequence[str] = ()
    ) -> None:
        self.output_dir = Path(output_dir)
        self.calibration = calibration
        self.window = window
        self.explain = tuple(explain)
        explained = [f"{method}_{column}" for method in self.explain for column in _EXPLANATION_COLUMNS]
        self.columns = (*PREDICTION_COLUMNS, *explained)
        self._names: dict[str, str] = {}

    def attach(self, engine: Engine) -> None:
        """Args: engine: an evaluator whose batch has ``image_path``, and whose output ``score`` and ``anomaly_map``."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        float(self.calibration.threshold)  # read it before anything is written: it may be missing
        check_writable(self.output_dir)
        self._names = {}
        with open(self.output_dir / "predictions.csv", "w", newline="", encoding="utf-8") as f:
            csv.DictWriter(f, self.columns).writeheader()

    def _write(self, engine: Engine) -> None:
        pairs = zip(engine.state.batch, engine.state.output, strict=True)
        rows = [self._write_one(batch["image_path"], output) for batch, output in pairs]
        with open(self.output_dir / "predictions.csv", "a", newline="", encoding="utf-8") as f:
            csv.DictWriter(f, self.columns).writerows(rows)

    def _name(self, path: str) -> str:
        name = reference_name(path)
        if self._names.setdefault(name, path) != path:
            name = f"{name}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        return name

    def _write_one(self, path: str, output: Mapping[str, Any]) -> dict[str, Any]:
        # matplotlib's colour map is only needed here, and takes a second to import
        from imgae_monai.visualize import anomaly_overlay

        score, volume = float(output["score"]), np.asarray(output["anomaly_map"][0].cpu(), dtype=np.float32)
        array, image = (_middle_slice(a) for a in (volume, read_image(path, self.window)))
        limit = max(self.calibration.map_limit, 1e-12)  # 0 where normal residuals are: any residual is then at the top
        name = self._name(path)
        files = {"map_png": f"{name}_map.png", "map_nifti": f"{name}_map.nii.gz", "overlay": f"{name}_overlay.png"}
        grey = ScaledMap(limit)(torch.from_numpy(array)).numpy()
        Image.fromarray(grey).save(self.output_dir / files["map_png"])
        _save_nifti(volume, path, self.output_dir / files["map_nifti"])
        picture = anomaly_overlay(image, array, vmax=limit)
        Image.fromarray(picture).save(self.output_dir / files["overlay"])
        threshold = self.calibration.threshold
        decision = int(score > threshold)
        row = {"image": path, "score": score, "decision": decision, "threshold": threshold, **files}
        row["synthetic"] = int(is_synthetic(path))
        for method in self.explain:
            row |= self._write_explanation(f"{name}_{method}", method, path, image, output[method][0].cpu())
        return row

    def _write_explanation(
        self, name: str, method: str, path: str, image: np.ndarray, attribution: Any
    ) -> dict[str, Any]:
        from imgae_monai.explain import map_height
        from imgae_monai.visualize import signed_overlay

        volume, limit = np.asarray(attribution, dtype=np.float32), map_height(attribution)
        array = _middle_slice(volume)
        files = {"png": f"{name}.png", "nifti": f"{name}.nii.gz", "overlay": f"{name}_overlay.png"}
        grey = 128 + 127 * np.clip(array / limit, -1, 1)
        Image.fromarray(grey.round().astype(np.uint8)).save(self.output_dir / files["png"])
        _save_nifti(volume, path, self.output_dir / files["nifti"])
        Image.fromarray(signed_overlay(image, array, vmax=limit)).save(self.output_dir / files["overlay"])
        return {f"{method}_{column}": value for column, value in {**files, "limit": limit}.items()}


def _middle_slice(array: np.ndarray) -> np.ndarray:
    return array if array.ndim == 2 else array[..., array.shape[-1] // 2]


def _save_nifti(anomaly_map: np.ndarray, image: str, target: Path) -> None:
    # nibabel takes a while to import
    import nibabel as nib

    path = split_reference(image)[0]
    if anomaly_map.ndim == 3 and is_nifti(path):
        voxels, affine = canonical_map(anomaly_map), canonical_affine(path)
    else:
        voxels = np.swapaxes(anomaly_map.reshape((*anomaly_map.shape, 1)[:3]), 0, 1)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    nib.save(nib.Nifti1Image(np.ascontiguousarray(voxels), affine), target)
