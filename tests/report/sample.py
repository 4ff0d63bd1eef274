"""An evaluation made by hand that has something in every part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imgae_monai.report.evaluation import Evaluation

HOSTILE = "<script>alert('x')</script> & \"b\" | c"


def figures(auroc: float, low: float, high: float) -> dict[str, Any]:
    names = ("auroc", "average_precision", "sensitivity", "specificity", "f1")
    return dict.fromkeys(names, auroc) | {f"{key}_ci95": [low, high] for key in names}


def sample_metrics(beats: bool = False) -> dict[str, Any]:
    """Made up, of ten normal and ten abnormal images."""
    local = {"pixel_auroc": 0.7, "pixel_auroc_ci95": [0.6, 0.8], "iou": None, "iou_ci95": None}
    return {
        **figures(0.745, 0.612, 0.861),
        "partial_auroc": 0.6,
        "partial_auroc_ci95": None,
        "partial_auroc_min_specificity": 0.9,
        "precision": None,
        "precision_ci95": None,
        "true_positives": 6,
        "false_positives": 1,
        "true_negatives": 9,
        "false_negatives": 4,
        "threshold": 0.5,
        "threshold_source": "quantile 0.95 of 40 normal validation images' scores",
        "n_normal": 10,
        "n_abnormal": 10,
        "n_patients": 20,
        "n_bootstrap": 10000,
        "interval_method": "bootstrap",
        "optimistic": {
            "note": "optimistic, uses test labels",
            "youden": {"threshold": 0.4, "sensitivity": 0.9, "specificity": 0.8, "f1": 0.85},
            "f1_max": {"threshold": 0.3, "sensitivity": 1.0, "specificity": 0.6, "f1": 0.87},
        },
        "subgroups": [
            {"group": "view", "value": HOSTILE, "n_normal": 6, "n_abnormal": 4, "n_patients": 10}
            | figures(0.7, 0.5, 0.9),
            {"group": "sex", "value": "F", "n_normal": 4, "n_abnormal": 0, "n_patients": 4}
            | dict.fromkeys(figures(0, 0, 0)),
        ],
        "no_model": {
            "best": "minus_mean_gradient",
            "best_strength": 0.844,
            "scores": [
                {"name": "mean", "explanation": "mean grey value", "auroc": 0.4, "interval": [0.3, 0.5]}
                | {"strength": 0.6, "strength_interval": [0.5, 0.7], "average_precision": 0.4},
                {"name": "minus_mean_gradient", "explanation": "smoothness", "auroc": 0.844, "interval": [0.8, 0.9]}
                | {"strength": 0.844, "strength_interval": [0.8, 0.9], "average_precision": 0.8},
            ],
            "against_best": {"difference": -0.099, "interval": [-0.2, 0.01], "p_value": 0.08, "beats": beats},
        },
        "localization": {
            "n_regions": 8,
            "n_images": 8,
            "threshold": 0.3,
            "threshold_source": "pixels of validation normals",
            "model": local,
            "center_prior": {**local, "pixel_auroc": 0.75},
            "difference": {
                "pixel_auroc": {"difference": -0.05, "interval": [-0.1, 0.02], "p_value": 0.3},
                "iou": {"difference": None, "interval": None, "p_value": None},
            },
        },
        "specificity_curve": {
            "nominal": [0.5, 0.9, 0.95],
            "observed": [0.5, 0.8, 0.9],
            "interval": [[0.2, 0.8], [0.5, 1.0], [0.6, 1.0]],
        },
        "calibration": {"specificity": 0.95, "map_limit": 0.2, "score": {"residual": "l1", "z_score": False}},
        "synthetic": False,
        "data": f"/data/{HOSTILE}",
        "data_fallbacks": [f"{HOSTILE} is not there"],
        "split": "test",
        "bundle": "unet_autoencoder",
        "seed": 3,
        "data_fingerprint": "f1d0",
        "checkpoint_sha256": "c0de",
        "versions": {"torch": "2.13.0"},
        "git": {"commit": "abc123", "dirty": True},
    }


def sample_evaluation(name: str = "tiny", beats: bool = False, seed: int = 0) -> Evaluation:
    """Scores by chance with those figures."""
    labels = np.repeat([0, 1], 10).astype(np.int8)
    scores = np.random.default_rng(seed).normal(size=20) + labels
    images = tuple(f"/data/{HOSTILE}{n}.png" for n in range(20))
    record = {"train_loss": [[1, 0.5], [2, 0.4]], "val_loss": [[1, 0.6], [2, 0.5]], "best_epoch": 2, "epochs_run": 2}
    return Evaluation(
        name,
        Path("/nowhere") / name,
        images,
        labels,
        tuple(f"p{n}" for n in range(20)),
        scores,
        (scores > 0.5).astype(np.int8),
        metrics=sample_metrics(beats),
        record=record,
    )
