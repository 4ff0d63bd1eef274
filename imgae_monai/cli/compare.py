"""``imgae-monai compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def compare(
    run_a: str,
    run_b: str,
    *others: str,
    data: str | None = None,
    output: str,
    split: str | None = None,
    normal_names: str | None = None,
    abnormal_names: str | None = None,
    views: str | None = None,
    sexes: str | None = None,
    ages: str | None = None,
    findings: str | None = None,
    seeds: int = 1,
    cost: bool = True,
    n_bootstrap: int = 10000,
    seed: int = 0,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Compare models on the same images, with tests paired by patient, and say no more than the intervals do.

    Each model is a run, which is evaluated here; a folder that evaluate wrote, as it is; or a CSV file of any other
    tool with the columns image, label, patient_id, score and, if known, decision. Other images, labels or patients are
    refused. Runs that differ in the seed only count as one model.

    Args:
        run_a: a run, an evaluation's folder or a CSV file; a run's configs execute code, so use only those you trust.
        run_b: another.
        others: any number more.
        data: as for train, for the runs. Default the first run's own data.
        output: folder for the results: compare.json, compare.md, each run's evaluation, and what --seeds trains.
        split: split to score: test; or val or train of data that the run never saw. Default test.
        normal_names: names of the normal class's folders, separated by commas. Default as each run was trained.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default as each run was trained.
        views: keep images of these views only, as PA; separated by commas. Default as each run was trained.
        sexes: keep images of these sexes only, as F. Default as each run was trained.
        ages: keep images of patients of these years only, as 18-90. Default as each run was trained.
        findings: of the abnormal images keep those with any of these, by commas. Default as each run was trained.
        seeds: seeds of each run, its own and those after it; what is missing is trained as the run was. Default 1.
        cost: measure parameters, size, latency and memory of each run's network on this machine. Default true.
        n_bootstrap: draws behind each 95 % interval. Default 10000.
        seed: seed of the draws. Default 0.
        device: auto, cpu, cuda, cuda:1, mps. Default as trained.
        overwrite: replace the comparison that the folder holds; trained seeds are used again. Default false.
    """
    import json

    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import given
    from imgae_monai.exceptions import InputError
    from imgae_monai.report import compare_evaluations, comparison_markdown, comparison_tables, markdown_table

    target = Path(output).expanduser().resolve()
    if (target / "compare.json").exists() and not overwrite:
        raise InputError(f"{target} already holds a comparison: give another --output, or --overwrite to replace it")
    if seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {seeds}")
    models = _find_models([run_a, run_b, *others])
    runs = [path for path, is_run in models if is_run]
    if seeds > 1 and not runs:
        raise InputError("--seeds trains runs, and none was given: leave it out")
    names = {"normal_names": normal_names, "abnormal_names": abnormal_names}
    names |= {"views": views, "sexes": sexes, "ages": ages, "findings": findings}
    overrides = given(split=split, n_bootstrap=n_bootstrap, device=device, **names)
    if runs:
        source = data or json.loads((runs[0] / "configs" / "train.json").read_text(encoding="utf-8"))["dataset_dir"]
        overrides |= given(dataset_dir=source)
    bc.log_to()
    evaluations, evaluated = _evaluate_all(models, seeds, target, overrides)
    result = compare_evaluations(evaluations, n_draws=n_bootstrap, seed=seed)
    if cost and evaluated:
        result["cost"] = _costs(evaluated, result["seeds"], device or "auto")
    target.mkdir(parents=True, exist_ok=True)
    (target / "compare.json").write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
    (target / "compare.md").write_text(comparison_markdown(result), encoding="utf-8")

    print()
    for line in filter(None, [result["notice"], *result["words"]]):
        print(line)
    for table in comparison_tables(result):
        print(f"\n{table.title}\n{markdown_table(table.columns, table.rows)}")
    print(f"\nresults: {target}")


def _find_models(paths: Sequence[str]) -> list[tuple[Path, bool]]:
    """Each as a path, and whether it is a run; what is neither a run nor an evaluation is refused at once."""
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.exceptions import InputError
    from imgae_monai.report import load_evaluation

    models: list[tuple[Path, bool]] = []
    for given in paths:
        path = Path(given).expanduser().resolve()
        is_run = (path / "configs" / "train.json").is_file()
        if any(path == other for other, _ in models):
            raise InputError(f"{path} was given twice: leave one out")
        if is_run:
            bc.find_run(given)
        else:
            load_evaluation(path)
        models.append((path, is_run))
    return models


def _evaluate_all(
    models: Sequence[tuple[Path, bool]], seeds: int, target: Path, overrides: dict[str, Any]
) -> tuple[list[Any], dict[str, Path]]:
    """Every model's evaluation under a name of its own, and the runs among them by that name."""
    import dataclasses

    from imgae_monai.cli.evaluate import evaluate_run
    from imgae_monai.cli.train_seeds import seeds_of_run
    from imgae_monai.report import load_evaluation

    runs = [path for path, is_run in models if is_run]
    names: list[str] = []
    paths: list[Path] = []
    for path, is_run in models:
        if path in paths:  # a seed of a run before it
            continue
        of_path = [(path.name if path.is_dir() else path.stem, path)]
        for name, folder in seeds_of_run(path, seeds, target, runs) if is_run and seeds > 1 else of_path:
            if folder not in paths:
                names.append(name)
                paths.append(folder)
    evaluations, evaluated = [], {}
    kinds = dict(models)
    for name, path in zip(_unique(names, paths), paths, strict=True):
        folder = path
        if kinds.get(path, True):  # what --seeds trained is a run too
            folder = target / "evaluations" / name
            evaluate_run(path, folder, overrides, overwrite=True)  # its old one is of a comparison to be replaced
            evaluated[name] = path
        evaluations.append(dataclasses.replace(load_evaluation(folder), name=name))
    return evaluations, evaluated


def _unique(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Names told apart by the folder they are in, or by a number."""
    long = [
        f"{path.parent.name}-{name}" if names.count(name) > 1 else name for name, path in zip(names, paths, strict=True)
    ]
    return [f"{name}-{long[:i].count(name) + 1}" if long.count(name) > 1 else name for i, name in enumerate(long)]


def _costs(runs: dict[str, Path], seeds: dict[str, Any] | None, device: str) -> list[dict[str, Any]]:
    """The cost of one run of each model: its seeds have the same network."""
    import logging

    from imgae_monai.engines import measure_cost
    from imgae_monai.exceptions import InputError

    groups = [(g["name"], g["members"]) for g in seeds["models"]] if seeds else [(name, [name]) for name in runs]
    found = []
    for name, members in groups:
        run = next((runs[member] for member in members if member in runs), None)
        if run is None:
            continue
        print(f"measuring what {name} costs")
        try:
            found.append({"name": name, **measure_cost(run, device)})
        except InputError as e:
            logging.getLogger("imgae_monai").warning("%s", e)
            found.append({"name": name, "reason": str(e)})
    return found
