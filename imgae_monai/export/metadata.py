"""What an exported file says of itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from imgae_monai import __version__
from imgae_monai.bundle.trained_on_synthetic import trained_on_synthetic
from imgae_monai.data.datalist import SYNTHETIC_NOTICE
from imgae_monai.transforms.calibration import Calibration

RESEARCH_ONLY = "Research only; not for clinical use."


def export_metadata(run: Path, config: Mapping[str, Any], calibration: Calibration) -> dict[str, str]:
    """Text by name, for a file that will be separated from its run.

    Args:
        run: folder of the run.
        config: its ``inference.json`` as it was exported, resolved or not.
        calibration: what the file decides by.

    Returns:
        strings only, as ONNX holds no others; numbers in full precision, absent ones as ``"none"``.
    """
    bundle = _read(run / "configs" / "metadata.json")
    synthetic = trained_on_synthetic(run)
    size = list(calibration.mean.shape[1:])
    limits = {key: config.get(key) for key in ("window", "lower_percentile", "upper_percentile", "aspect")}
    told = {
        "title": f"{bundle.get('name', config.get('bundle_name'))}: anomaly score and map",
        "use": RESEARCH_ONLY,
        "synthetic": synthetic,
        **({"notice": SYNTHETIC_NOTICE} if synthetic else {}),
        "bundle": config.get("bundle_name"),
        "bundle_version": bundle.get("version"),
        "preset": config.get("preset"),
        "imgae_monai_version": __version__,
        "torch_version": torch.__version__,
        "input": f"image: (batch, 1, {', '.join(map(str, size))}), float32 in [0, 1], one grey channel, resized "
        f"with its aspect kept (aspect {limits['aspect']}), before CLAHE, which the file does where the run does",
        "outputs": "score: (batch,), float64, higher is more abnormal; anomaly_map: (batch, 1, ...), float32; "
        "decision: (batch,), int64, 1 where score > threshold",
        "image_size": size,
        "clahe": config.get("clahe"),
        **limits,
        "score_name": calibration.score.name,
        "score": dataclasses.asdict(calibration.score),
        "ensemble": config.get("ensemble", 1),
        "threshold": calibration.threshold,
        "specificity": calibration.specificity,
        "map_limit": calibration.map_limit,
        "pixel_threshold": calibration.pixel_threshold,
        "n_normal_images": calibration.n_images,
        "normal_images": f"threshold, map_limit and pixel_threshold are quantiles ({calibration.specificity:g}) over "
        f"{calibration.n_images} normal validation images of the run, and hold for images like these only; no "
        "abnormal image and no test label had a part in them",
        "checkpoint_sha256": calibration.checkpoint_sha256,
        "data_fingerprint": calibration.data_fingerprint,
    }
    return {key: _text(value) for key, value in told.items()}


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
