"""Train what is missing of several seeds of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def seeds_of_run(run: Path, n_seeds: int, root: Path, others: Sequence[Path]) -> list[tuple[str, Path]]:
    """Runs of one model with the seeds s, s + 1, ..., s that of a run; those that are missing are trained.

    Args:
        run: folder of a finished run, whose config is trained again with nothing but the seed changed.
        n_seeds: number of seeds, with its own.
        root: folder for those that are trained, each in NAME-seedK; a finished one is used again, an unfinished one
            goes on.
        others: runs that are used where they are of the same config and a wanted seed.

    Returns:
        name and folder of each, in the order of the seeds.

    Raises:
        InputError: when the run has not come to its end, or a folder holds a run of another config.
    """
    from imgae_monai.cli.train import train
    from imgae_monai.exceptions import InputError

    config, record = _config(run), _record(run)
    if not record.get("finished"):
        raise InputError(f"{run} has not come to its end: imgae-monai train ... --resume goes on with it")
    name = base_name(run)
    first = int(config["seed"])
    have = {first: run}
    for other in others:
        seed = _config(other)["seed"]
        if other != run and not _differences(config, _config(other)) and _record(other).get("finished"):
            have.setdefault(seed, other)
    found = []
    for seed in range(first, first + n_seeds):
        folder = have.get(seed, root / f"{name}-seed{seed}")
        if seed not in have:
            if (folder / "configs" / "train.json").is_file():
                different = _differences(config, _config(folder))
                if different or _config(folder)["seed"] != seed:
                    raise InputError(
                        f"{folder} is not {run} with another seed; different: {', '.join(different) or 'seed'}; give "
                        "another --output"
                    )
            if not _record(folder).get("finished"):
                print(f"\n== {name} with seed {seed}")
                data = config["dataset_dir"]
                listed = data if isinstance(data, str) else ",".join(data)
                train(str(run), data=listed, output=str(folder), seed=seed, resume="auto")
        found.append((f"{name}-seed{seed}", folder))
    return found


def base_name(run: Path) -> str:
    """The name of a run's folder without the seed that it may end in."""
    return re.sub(r"[-_ ]?seed[-_ ]?\d+$", "", run.name) or run.name


def _config(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((run / "configs" / "train.json").read_text(encoding="utf-8"))
    return config


def _record(run: Path) -> dict[str, Any]:
    path = run / "train.json"
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return record


def _differences(config: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """In what two configs differ beside the seed and where the runs lie."""
    from imgae_monai.report.seed_groups import MAY_DIFFER

    return sorted(key for key in {**config, **other} if key not in MAY_DIFFER and config.get(key) != other.get(key))
