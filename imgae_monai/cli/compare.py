"""``imgae-monai compare``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any


def compare(
    run_a: str,
    run_b: str,
    *,
    data: str | None = None,
    output: str,
    split: str | None = None,
    normal_names: str | None = None,
    abnormal_names: str | None = None,
    views: str | None = None,
    sexes: str | None = None,
    ages: str | None = None,
    findings: str | None = None,
    n_bootstrap: int = 2000,
    seed: int = 0,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Evaluate two runs on the same images and tell whether their AUROCs differ, by a paired bootstrap over patients.

    Args:
        run_a: folder that train left.
        run_b: folder of the other run.
        data: as for train. Default the first run's own data.
        output: folder for the results: compare.json, and each run's evaluation in a folder of its own.
        split: split to score: test, val or train. Default test.
        normal_names: names of the normal class's folders, separated by commas. Default as each run was trained.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default as each run was trained.
        views: keep images of these views only, as PA; separated by commas. Default as each run was trained.
        sexes: keep images of these sexes only, as F. Default as each run was trained.
        ages: keep images of patients of these years only, as 18-90. Default as each run was trained.
        findings: of the abnormal images keep those with any of these, by commas. Default as each run was trained.
        n_bootstrap: draws behind each 95 % interval. Default 2000.
        seed: seed of the draws. Default 0.
        device: auto, cpu, cuda, cuda:1, mps. Default as trained.
        overwrite: replace results that the folder holds. Default false.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.evaluate import evaluate_run
    from imgae_monai.cli.evaluation_lines import format_interval
    from imgae_monai.exceptions import InputError

    target = Path(output).expanduser().resolve()
    runs = {"a": bc.find_run(run_a), "b": bc.find_run(run_b)}
    if (target / "compare.json").exists() and not overwrite:
        raise InputError(f"{target} already holds a comparison: give another --output, or --overwrite to replace it")
    source = data or json.loads((runs["a"] / "configs" / "train.json").read_text())["dataset_dir"]
    names = {"normal_names": normal_names, "abnormal_names": abnormal_names}
    names |= {"views": views, "sexes": sexes, "ages": ages, "findings": findings}
    overrides = bc.given(dataset_dir=source, split=split, n_bootstrap=n_bootstrap, device=device, **names)
    bc.log_to()
    folders = {key: target / f"{key}_{run.name}" for key, run in runs.items()}
    for key, run in runs.items():
        evaluate_run(run, folders[key], overrides, overwrite)
    metrics = {key: json.loads((folder / "metrics.json").read_text()) for key, folder in folders.items()}
    rows = {key: _read_scores(folder) for key, folder in folders.items()}
    difference = paired_difference(rows["a"], rows["b"], n_bootstrap, seed)
    result: dict[str, Any] = {"run_a": str(runs["a"]), "run_b": str(runs["b"]), "difference_a_minus_b": difference}
    result |= {"n_bootstrap": n_bootstrap, "seed": seed, "metrics_a": metrics["a"], "metrics_b": metrics["b"]}
    (target / "compare.json").write_text(json.dumps(result, indent=1), encoding="utf-8")

    if metrics["a"]["synthetic"]:
        print(metrics["a"]["notice"])
    print(f"{'':18}{'A ' + runs['a'].name:28}{'B ' + runs['b'].name}")
    for name in ("auroc", "average_precision", "f1", "sensitivity", "specificity", "precision", "accuracy"):
        a, b = (format_interval(m[name], m[f"{name}_ci95"]) for m in (metrics["a"], metrics["b"]))
        print(f"{name:18}{a:28}{b}")
    print(verdict(difference))
    print(f"results: {target}")


def paired_difference(
    rows_a: list[dict[str, str]], rows_b: list[dict[str, str]], n_bootstrap: int, seed: int
) -> dict[str, Any]:
    """Paired differences of AUROC and average precision, see
    :py:func:`imgae_monai.metrics.bootstrap_auroc_difference`.

    Raises:
        InputError: when the rows are not of the same images in the same order.
    """
    from imgae_monai.exceptions import InputError
    from imgae_monai.metrics import bootstrap_auroc_difference

    keys = ("image", "label", "patient_id")
    if [[row[k] for k in keys] for row in rows_a] != [[row[k] for k in keys] for row in rows_b]:
        raise InputError("the two runs were not scored on the same images")
    labels = [int(row["label"]) for row in rows_a]
    patients = [row["patient_id"] for row in rows_a]
    scores_a, scores_b = ([float(row["score"]) for row in rows] for rows in (rows_a, rows_b))
    return bootstrap_auroc_difference(scores_a, scores_b, labels, patients, n_draws=n_bootstrap, seed=seed)


def verdict(difference: dict[str, Any]) -> str:
    """One sentence that says no more than the interval does."""
    if difference["difference"] is None:
        return "AUROC is undefined: the images are of one class only"
    value, (low, high) = difference["difference"], difference["interval"]
    numbers = f"AUROC of A minus B: {value:+.3f}, 95 % interval [{low:+.3f}, {high:+.3f}]"
    if low <= 0 <= high:
        return f"{numbers}: no difference shown"
    return f"{numbers}: {'A' if value > 0 else 'B'} is better on these images"


def _read_scores(folder: Path) -> list[dict[str, str]]:
    with open(folder / "scores.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))
