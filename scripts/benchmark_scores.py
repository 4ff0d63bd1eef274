"""Train both small bundles on a study and tabulate every map beside scores that need no model.

    .venv/bin/python scripts/benchmark_scores.py DATA OUTPUT [--image_size 64] [--device cpu] ...

Leaves OUTPUT/<bundle>/ (the runs), OUTPUT/<bundle>_<score>/ (an evaluation each) and OUTPUT/scores.md. Further flags go
to ``imgae-monai train`` as they are. What is there is kept: a run that was cut off is resumed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from imgae_monai.__main__ import main as imgae_monai
from imgae_monai.cli.evaluation_lines import format_interval

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
            once = str((residual, sigma) == SCORES[0]).lower()  # they are the same for every map
            imgae_monai(["evaluate", str(run), *score, "--output", str(folder), "--no_model", once])
        name = f"{run.name} {residual}" + (f" smoothed {sigma} px" if sigma else "")
        results[name] = json.loads((folder / "metrics.json").read_text())
    return results


def no_model_rows(results: dict[str, dict]) -> dict[str, dict]:
    """AUROC and average precision of scores without a network, as the first evaluation found them."""
    found = next(metrics["no_model"] for metrics in results.values() if metrics["no_model"])
    return {
        f"no model: {score['name']}" + (" (turned round)" if score["auroc"] < 0.5 else ""): {
            "auroc": score["strength"],
            "auroc_ci95": score["strength_interval"],
            "average_precision": score["average_precision"],
        }
        for score in found["scores"]
    }


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
    rows |= no_model_rows(rows)
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
