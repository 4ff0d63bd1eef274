"""``imgae-monai reproduce``."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_SHOWN = 5  # images that changed, by name


def reproduce(run: str, *, output: str | None = None) -> None:
    """Run a finished run again, as it was configured and on the same data, and compare every number.

    The run itself is only read. The exit code is 0 where all are identical to the bit, 1 where something differs. The
    number of threads is set to the run's, since sums are split by it; other versions or another processor are named.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        output: folder for the new run and reproduction.json; must be empty. Default the run's with -reproduced.
    """
    import dataclasses
    import sys

    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.run_differences import compare_evaluation, compare_training, environment_differences
    from imgae_monai.cli.stop import stop_on_sigterm
    from imgae_monai.data.atomic_write import atomic_write
    from imgae_monai.engines import lock_run
    from imgae_monai.exceptions import InputError

    folder = bc.find_run(run)
    record = _finished_record(folder)
    again = Path(output).expanduser().resolve() if output else folder.with_name(f"{folder.name}-reproduced")
    if again == folder or folder in again.parents:
        raise InputError(f"{again} is in the run to be reproduced, which stays as it is: give another --output")
    if again.is_file() or (again.is_dir() and any(again.iterdir())):
        raise InputError(
            f"{again} is not empty (of an attempt that was broken off?): delete it, or give another --output"
        )
    bc.log_to()
    config = bc.merge_config([folder / "configs" / "train.json"], {})
    _check_config(folder, config, record)
    _check_data(folder, config, record["data_fingerprint"])
    evaluated = (folder / "metrics.json").is_file()
    with stop_on_sigterm(), lock_run(again):
        with _threads("training", record.get("n_threads")):
            _train(folder, again, record)
        if evaluated:
            metrics = _read(folder / "metrics.json")
            with _threads("evaluation", metrics.get("n_threads")):
                _evaluate(folder, again, metrics)
    differences = list(compare_training(folder, again))
    if evaluated:
        differences += compare_evaluation(folder, again)
    made = _finished_record(again)
    reasons = environment_differences(record, made)
    for session in record.get("earlier_sessions", []):
        changed = environment_differences({**session, "device": made.get("device")}, made)
        reasons += [f"up to epoch {session['to_epoch']}, {reason}" for reason in changed]
    if evaluated:
        changed = environment_differences(metrics, _read(again / "metrics.json"))
        reasons += [f"evaluation, {reason}" for reason in changed if reason not in reasons]
    identical = all(difference.identical for difference in differences)
    result = {
        "run": str(folder),
        "identical": identical,
        "environment": reasons,
        "compared": [dataclasses.asdict(difference) for difference in differences],
    }
    with atomic_write(again / "reproduction.json") as file:
        file.write(json.dumps(result, indent=1).encode())
    _print(result)
    print(f"reproduction: {again}")
    if not identical:
        sys.exit(1)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _finished_record(run: Path) -> dict[str, Any]:
    from imgae_monai.exceptions import InputError

    path = run / "train.json"
    if not path.is_file():
        raise InputError(f"{run} has no train.json: give the folder of a run that imgae-monai train left")
    record = _read(path)
    if not record.get("finished"):
        raise InputError(f"{run} has not come to its end: imgae-monai train ... --resume goes on with it")
    if record.get("n_processes", 1) > 1:
        raise InputError(
            f"{run} was trained by {record['n_processes']} processes; what one process trained is reproduced"
        )
    if record.get("federated"):
        raise InputError(f"{run} is a site's run of a federation, which one site alone can't reproduce")
    return record


def _check_config(run: Path, config: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Refuse a run whose config was changed after it had run."""
    from monai.bundle import ConfigParser

    from imgae_monai.cli.train import RUN_OWN
    from imgae_monai.exceptions import InputError

    parser = ConfigParser(json.loads(json.dumps(config)))
    parser.parse()  # brings references into the form that the record has
    stands, as_run = parser.get(), record.get("config")
    if as_run is None:  # the record is of an earlier version
        return
    changed = [
        key if isinstance(as_run.get(key), dict | list) else f"{key} ({as_run.get(key)!r} ran, not {stands.get(key)!r})"
        for key in {**as_run, **stands}
        if key not in (*RUN_OWN, parser.meta_key) and as_run.get(key) != stands.get(key)
    ]
    if changed:
        path = run / "configs" / "train.json"
        raise InputError(f"{path} is not what ran, by {run / 'train.json'}: {', '.join(changed)}; put it back")


def _check_data(run: Path, config: dict[str, Any], fingerprint: str) -> None:
    """Refuse other data before anything is trained on them."""
    from monai.bundle import ConfigParser

    from imgae_monai.data import read_datalist_file
    from imgae_monai.exceptions import InputError

    datalist: Any = ConfigParser(json.loads(json.dumps(config))).get_parsed_content("datalist")
    if datalist.fingerprint == fingerprint:
        return
    before = {item["image"]: item for item in read_datalist_file(run / "models" / "datalist.json")}
    now = {item["image"]: item for item in datalist.items}
    groups = {
        "gone": [image for image in before if image not in now],
        "new": [image for image in now if image not in before],
        "other bytes": [i for i in before if i in now and before[i]["sha256"] != now[i]["sha256"]],
        "other label, split or patient": [
            i
            for i in before
            if i in now and any(before[i][key] != now[i][key] for key in ("label", "split", "patient_id"))
        ],
    }
    changes = [
        f"{name}: {', '.join(images[:_SHOWN])}" + (f" and {len(images) - _SHOWN} more" if len(images) > _SHOWN else "")
        for name, images in groups.items()
        if images
    ]
    raise InputError(f"{datalist.source} is not what {run} was trained on ({'; '.join(changes)}): bring it back")


@contextlib.contextmanager
def _threads(purpose: str, n_threads: int | None) -> Iterator[None]:
    """Compute with as many threads as the run did."""
    import torch

    before = torch.get_num_threads()
    if n_threads is not None and n_threads != before:
        print(f"{purpose} with {n_threads} thread(s) as the run, not {before}")
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(run: Path, again: Path, record: Mapping[str, Any]) -> None:
    from imgae_monai.cli import bundle_config as bc

    for name in ("configs", "docs"):
        if (run / name).is_dir():
            shutil.copytree(run / name, again / name)
    if (run / "LICENSE").is_file():
        shutil.copyfile(run / "LICENSE", again / "LICENSE")
    bc.log_to(again / "train.log")
    # a batch size of auto was found by the memory that there was
    own = {"bundle_root": str(again), "resume": False, "step_batch_size": record["batch_size"]}
    bc.run_bundle([again / "configs" / "train.json"], own)


def _evaluate(run: Path, again: Path, metrics: Mapping[str, Any]) -> None:
    """Evaluate the new run with the config that the run's evaluation had, in a file of its own beside the others."""
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.engines import load_calibration
    from imgae_monai.exceptions import InputError
    from imgae_monai.transforms import ScoreDefinition

    if not metrics.get("config"):
        raise InputError(f"{run / 'metrics.json'} does not tell its config: evaluate again, with --overwrite")
    definition, specificity = metrics["calibration"]["score"], metrics["calibration"]["specificity"]
    own = {"bundle_root": str(again), "output_dir": str(again), "overwrite": False}
    try:
        ensemble = metrics["config"].get("ensemble", 1)
        found = load_calibration(again / "models", ScoreDefinition(**definition), ensemble)
        calibrated = found.specificity == specificity
    except InputError:
        calibrated = False
    if not calibrated:
        files = [again / "configs" / "train.json"]
        # the config of an earlier version has no id for what its score could not be
        known = bc.merge_config(files, {})
        score = {key: value for key, value in definition.items() if key in known}
        if "lpips_weights" in known:
            score["lpips_weights"] = metrics["config"].get("lpips_weights")
        calibrated_as = {**score, "specificity": specificity, "bundle_root": str(again)}
        bc.run_bundle(files, calibrated_as, run_id="run_calibrate")
    path = again / "configs" / "evaluated.json"
    path.write_text(json.dumps(metrics["config"], indent=4) + "\n", encoding="utf-8")
    bc.run_bundle([path], own)


def _print(result: Mapping[str, Any]) -> None:
    for reason in result["environment"]:
        print(f"other environment: {reason}")
    print(f"{'':32}{'':12}largest difference")
    for row in result["compared"]:
        largest = "" if row["largest"] is None else f"{row['largest']:<12.4g}"
        print(f"{row['what']:32}{'identical' if row['identical'] else 'differs':12}{largest}{row['note']}".rstrip())
    n_different = sum(not row["identical"] for row in result["compared"])
    print("identical" if result["identical"] else f"differs in {n_different} of {len(result['compared'])}")
