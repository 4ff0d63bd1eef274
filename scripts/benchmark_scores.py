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
from imgae_monai.audit import no_model_scores, scan_images
from imgae_monai.cli.evaluation_lines import format_interval
from imgae_monai.data import load_datalist
from imgae_monai.metrics import (
    bootstrap_metrics,
    compute_auroc,
    compute_average_precision,
)

BUNDLES = ("unet_autoencoder", "reversed_autoencoder")
SCORES = [(residual, sigma) for residual in ("l1", "l2", "ssim") for sigma in (0, 2)]
FIGURES = ("auroc", "average_precision", "f1", "sensitivity", "specificity", "precision", "accuracy")


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
    items = [item for item in load_datalist(data).items if item["split"] != "val"]
    measured = list(zip(items, scan_images(items), strict=True))
    test = [(item, m) for item, m in measured if item["split"] == "test"]
    labels = np.array([item["label"] for item, _ in test])
    patients = [item["patient_id"] for item, _ in test]
    train = [m for item, m in measured if item["split"] == "train" and m.small is not None]
    scores = no_model_scores(train, [m for _, m in test])
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
