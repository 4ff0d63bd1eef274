"""Evaluations that no model made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgae_monai.report import Evaluation


def made_up(name: str = "a", n: int = 60, shift: float = 1.0, draw: int = 0, **changes: Any) -> Evaluation:
    """Scores of ``n`` images, every second abnormal and ``shift`` above the normal ones, of n / 2 patients."""
    rng = np.random.default_rng(draw)
    labels = (np.arange(n) // 2 % 2).astype(np.int8)
    scores = shift * labels + rng.normal(size=n)
    columns: dict[str, Any] = {
        "images": tuple(f"/data/{i:03d}.png" for i in range(n)),
        "labels": labels,
        "patient_ids": tuple(f"p{i // 2}" for i in range(n)),
        "scores": scores,
        "decisions": (scores > 0.5).astype(np.int8),
    }
    return Evaluation(name, Path("/results") / name, **columns | changes)


def of_run(
    name: str,
    seed: int = 0,
    bundle: str = "unet_autoencoder",
    config: dict[str, Any] | None = None,
    score: dict[str, Any] | None = None,
    specificity: float = 0.95,
    no_model: dict[str, Any] | None = None,
    **changes: Any,
) -> Evaluation:
    """As :py:func:`made_up`, with the record of a training and the metrics of an evaluation."""
    settings = {"seed": seed, "bundle_root": f"/runs/{name}", "dataset_dir": "/data", "latent_size": 16}
    record = {"bundle": bundle, "seed": seed, "config": {**settings, **(config or {})}}
    calibration = {"score": {"residual": "l1", **(score or {})}, "specificity": specificity}
    metrics = {"bundle": bundle, "seed": seed, "calibration": calibration, "no_model": no_model}
    return made_up(name, record=record, metrics=metrics, **changes)


def no_model(beats: bool, strength: float = 0.8) -> dict[str, Any]:
    """``no_model`` of ``metrics.json``."""
    interval = [0.01, 0.1] if beats else [-0.1, 0.02]
    against = {"difference": sum(interval) / 2, "interval": interval, "p_value": 0.01, "beats": beats}
    return {"best": "minus_mean_gradient", "best_strength": strength, "against_best": against}
