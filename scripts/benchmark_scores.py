"""Train both small bundles on a study and tabulate every map beside scores that need no model.

    .venv/bin/python scripts/benchmark_scores.py DATA OUTPUT [--image_size 64] [--device cpu] ...

Leaves OUTPUT/<bundle>/ (the runs), OUTPUT/<bundle>_<score>/ (an evaluation each) and OUTPUT/scores.md. Further flags go
to ``imgae-monai train`` as they are. What is there is kept: a run that was cut off is resumed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from imgae_monai.__main__ import main as imgae_monai
from imgae_monai.cli.evaluate import format_interval
from imgae_monai.data import load_datalist
from imgae_monai.metrics import (
    bootstrap_metrics,
    compute_auroc,
    compute_average_precision,
    image_statistics,
    pca_residual_scores,
)
from imgae_monai.transforms import LoadGrayscale, ResizeKeepAspect

BUNDLES = ("unet_autoencoder", "reversed_autoencoder")
SCORES = [(residual, sigma) for residual in ("l1", "l2", "ssim") for sigma in (0, 2)]
FIGURES = ("auroc", "average_precision", "f1", "sensitivity", "specificity", "precision", "accuracy")
PCA_SIZE = 64  # pixels; where FACTS' linear baseline is reproduced


def evaluate_scores(run: Path) -> dict[str, dict]:
    """Metrics of each map of a run, calibrated on its own validation normals."""
    results = {}
    for residual, sigma in SCORES:
        score = ["--residual", residual, "--smoothing_sigma", str(sigma)]
        folder = run.parent / f"{run.name}_{residual}_sigma{sigma}"
        if not (folder / "metrics.json").is_file():
            imgae_monai(["calibrate", str(run), *score])
            imgae_monai(["evaluate", str(run), *score, "--output", str(folder)])
        name = f"{run.name} {residual}" + (f" smoothed {sigma} px" if sigma else "")
        results[name] = json.loads((folder / "metrics.json").read_text())
    return results


def no_model_rows(data: Path) -> dict[str, dict]:
    """AUROC and average precision of scores without a network, with the same bootstrap."""
    datalist = load_datalist(data)
    load = LoadGrayscale()
    train, test = datalist.select("train", 0), datalist.select("test")
    labels = np.array([item["label"] for item in test])
    patients = [item["patient_id"] for item in test]
    images = [load(item["image"]) for item in test]
    statistics = [image_statistics(np.asarray(x)[0], item["image"]) for x, item in zip(images, test, strict=True)]
    scores = {name: np.array([row[name] for row in statistics]) for name in statistics[0]}
    small = ResizeKeepAspect(PCA_SIZE)
    stacks = [
        np.stack([np.clip(np.asarray(small(x))[0], 0, 1) for x in group])
        for group in ([load(item["image"]) for item in train], images)
    ]
    scores["PCA-16, L1"] = pca_residual_scores(*stacks)
    scores["PCA-16, CLAHE, smoothed 2 px"] = pca_residual_scores(*stacks, clahe=True, smoothing_sigma=2.0)
    rows = {}
    for name, values in scores.items():
        interval = bootstrap_metrics(values, labels, patients, threshold=float(np.median(values)))
        rows[f"no model: {name}"] = {
            "auroc": compute_auroc(values, labels),
            "auroc_ci95": interval["auroc"],
            "average_precision": compute_average_precision(values, labels),
            "average_precision_ci95": interval["average_precision"],
        }
    return rows


def main(data: str, output: str, *flags: str) -> None:
    root = Path(output).resolve()
    rows: dict[str, dict] = {}
    for bundle in BUNDLES:
        record = root / bundle / "train.json"
        if not record.is_file():
            imgae_monai(["train", bundle, "--data", data, "--output", str(root / bundle), *flags])
        if not json.loads(record.read_text())["finished"]:
            sys.exit(f"error: {root / bundle} was not trained to its end: imgae-monai train ... --resume")
        rows |= evaluate_scores(root / bundle)
    rows |= no_model_rows(root / BUNDLES[0] / "models" / "datalist.json")
    lines = ["| score | " + " | ".join(FIGURES) + " |", "|---" * (len(FIGURES) + 1) + "|"]
    for name, row in rows.items():
        cells = [format_interval(row[f], row.get(f"{f}_ci95")) if f in row else "" for f in FIGURES]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    (root / "scores.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
