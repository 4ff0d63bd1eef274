"""Train presets of both bundles over seeds on a study, and tabulate every score beside scores that need no model.

    .venv/bin/python scripts/benchmark_detection.py DATA OUTPUT [--seeds 0,1,2] [--models BUNDLE:PRESET,...] ...

Leaves OUTPUT/<preset>_<seed>/ (the runs), OUTPUT/<preset>_<seed>_<score>/ (evaluations), OUTPUT/detection.md and
OUTPUT/detection.json. Further flags go to every ``imgae-monai train`` as they are. What is there is kept, and a
training that was cut off goes on: the same command may be given again. Test labels choose nothing: all rows are shown,
in the order of the lists below, and ``imgae-monai select`` says which score is the default.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgae_monai.__main__ import main as imgae_monai
from imgae_monai.cli.evaluation_lines import format_interval
from imgae_monai.metrics import compute_average_precision, seed_difference, seed_mean

MODELS = (
    *("unet_autoencoder:plain", "unet_autoencoder:restoration"),
    *("reversed_autoencoder:plain_small", "reversed_autoencoder:introspective"),
)
PARTS = (
    *("l1-mean", "l1-z-mean", "l1-sigma2-mean", "l1-sigma2-z-top0.05", "l2-mean"),
    *("ssim-mean", "ssim-z-mean", "ssim-z-top0.05", "ssim-clahe-z-mean", "ms_ssim-z-top0.05", "gms-z-top0.05"),
    *("features-z-mean", "gradient-z-mean", "reversed-mean", "latent", "feature_gaussian", "joint_gaussian"),
)
COMBINED = (("joint_gaussian,ssim-z-top0.05", False),)


class Study:
    """Labels and patients of the test images, and each model's and score's values by seed."""

    def __init__(self) -> None:
        self.images: list[str] = []
        self.labels: list[int] = []
        self.patients: list[str] = []
        self.scores: dict[tuple[str, str], list[list[float]]] = {}

    def add(self, model: str, path: Path, names: Mapping[str, str]) -> None:
        """Take columns of a table: names by column."""
        with open(path, newline="", encoding="utf-8") as f:
            rows = sorted(csv.DictReader(f), key=lambda row: row["image"])
        images = [row["image"] for row in rows]
        if self.images and images != self.images:
            sys.exit(f"error: {path} is of other images than the evaluations before it")
        self.images, self.labels = images, [int(row["label"]) for row in rows]
        self.patients = [row["patient_id"] for row in rows]
        for column, name in names.items():
            self.scores.setdefault((model, name), []).append([float(row[column]) for row in rows])


def train(root: Path, data: str, model: str, seed: str, flags: Sequence[str]) -> Path:
    bundle, preset = model.split(":")
    run = root / f"{preset}_{seed}"
    record = run / "train.json"
    if not record.is_file() or not json.loads(record.read_text())["finished"]:
        where = ["--data", data, "--output", str(run), "--preset", preset, "--seed", seed, "--resume", "auto"]
        imgae_monai(["train", bundle, *where, *flags])
    return run


def evaluate(run: Path, combine: str, two_sided: bool, no_model: bool) -> Path:
    """Calibrate and evaluate a run once for scores that are made of these components."""
    folder = run.parent / f"{run.name}_{combine.replace(',', '+')[:60]}{'-two_sided' if two_sided else ''}"
    if not (folder / "metrics.json").is_file():
        score = ["--combine", combine, "--two_sided", str(two_sided).lower()]
        imgae_monai(["calibrate", str(run), *score])
        once = ["--no_model", str(no_model).lower()]
        imgae_monai(["evaluate", str(run), *score, "--output", str(folder), "--overwrite", *once])
    return folder


def score_run(study: Study, model: str, run: Path, no_model: bool) -> None:
    folder = evaluate(run, ",".join(PARTS), False, no_model)
    study.add(model, folder / "component_scores.csv", {name: name for name in PARTS})
    path = folder / "no_model_scores.csv"
    known = any(of == "no model" for of, _ in study.scores)
    if path.is_file() and not known:  # of the model that was evaluated first, whichever that was
        with open(path, newline="", encoding="utf-8") as f:
            names = next(csv.reader(f))[3:]
        study.add("no model", path, {name: name for name in names})
    for combine, two_sided in COMBINED:
        folder = evaluate(run, combine, two_sided, False)
        name = combine.replace(",", "+") + ("-two_sided" if two_sided else "")
        study.add(model, folder / "scores.csv", {"score": name})


def turn_round(study: Study) -> str:
    """Let each score without a model point the way it does on the test labels, to the models' loss; name the best."""
    best, strength = "", 0.0
    for (model, name), values in study.scores.items():
        if model != "no model":
            continue
        auroc = seed_mean(values, study.labels, study.patients)["mean"]
        if auroc < 0.5:
            values[0] = [-value for value in values[0]]
        if max(auroc, 1 - auroc) > strength:
            best, strength = name, max(auroc, 1 - auroc)
    return best


def tabulate(study: Study) -> list[dict[str, Any]]:
    best = turn_round(study)
    # a score without a model has no chance of training: given twice, its seeds do not differ
    rival = study.scores["no model", best] * 2
    rows = []
    for (model, name), values in study.scores.items():
        trained = model != "no model"
        found = seed_mean(values if trained else values * 2, study.labels, study.patients)
        against = seed_difference(values, rival, study.labels, study.patients) if trained else None
        precision = np.mean([compute_average_precision(seed, study.labels) for seed in values])
        rows.append({"model": model, "score": name, **found, "average_precision": float(precision), "against": against})
    return rows


def write(root: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [
        "| model | score | AUROC, mean of seeds | by seed | average precision | AUROC minus the best without a model |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        by_seed = " ".join(f"{value:.3f}" for value in row["values"]) if row["model"] != "no model" else ""
        difference = ""
        if row["against"] is not None:
            low, high = row["against"]["interval"] or (float("nan"), float("nan"))
            difference = f"{row['against']['difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
        cells = [row["model"], row["score"], format_interval(row["mean"], row["interval"]), by_seed]
        lines.append("| " + " | ".join([*cells, f"{row['average_precision']:.3f}", difference]) + " |")
    (root / "detection.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "detection.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print("\n".join(lines))


def main(data: str, output: str, *flags: str) -> None:
    options = list(flags)
    seeds, models = (_taken(options, f"--{name}", given) for name, given in (("seeds", "0,1,2"), ("models", MODELS)))
    root, study = Path(output).resolve(), Study()
    for model in models:
        for seed in seeds:
            run = train(root, data, model, seed, options)
            score_run(study, model.split(":")[1], run, no_model=not study.images)
    write(root, tabulate(study))


def _taken(options: list[str], flag: str, default: str | Sequence[str]) -> list[str]:
    """The values of a flag by commas, which is taken out of the options."""
    if flag not in options:
        return default.split(",") if isinstance(default, str) else list(default)
    at = options.index(flag)
    value = options[at + 1]
    del options[at : at + 2]
    return value.split(",")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
