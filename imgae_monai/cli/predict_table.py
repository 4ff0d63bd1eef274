"""``imgae-monai predict --table``: rows of scores only, in parts, for lists too long for one process or one sitting."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgae_monai.exceptions import InputError


def check_table_flags(
    table: str | None, *, part_size: int | None, unreadable: str | None, explain: str | None, overwrite: bool
) -> None:
    """Refuse flags of ``predict`` that don't go together, and several processes that would write the same pictures.

    Raises:
        InputError: names the flag, and what to do instead.
    """
    if table is None:
        world_size = int(os.environ.get("WORLD_SIZE", "1"))
        if world_size > 1:
            raise InputError(f"{world_size} processes predict together only with --table csv or --table parquet")
        for flag, value in (("part_size", part_size), ("unreadable", unreadable)):
            if value is not None:
                raise InputError(f"--{flag} is for a table only: give --table csv or --table parquet")
        return
    if explain is not None:
        raise InputError("--table holds rows only: predict the images of interest without it for --explain")
    if overwrite:
        raise InputError(
            "--overwrite does not go with --table: the same command goes on with the parts that are there; to start "
            "anew, give another --output"
        )


def device_of_rank(device: str | None) -> str | None:
    """Of a machine's GPUs the one of this process, where torchrun has started several and no other is asked for.

    Args:
        device: the flag.
    """
    if "LOCAL_RANK" not in os.environ or device not in (None, "auto", "cuda"):
        return device
    import torch

    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"cuda:{int(os.environ['LOCAL_RANK']) % n_gpus}" if n_gpus else device


def predict_table(folder: Path, paths: Sequence[str], target: Path, overrides: Mapping[str, Any]) -> None:
    """Score a list into ``OUTPUT/parts``, or go on with it.

    Args:
        folder: of the run.
        paths: images, folders and lists of them.
        target: folder for the results.
        overrides: ``table`` and what else was given.

    Raises:
        InputError: when the folder holds other results, or the run is of a version that writes no tables.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.data.datalist import SYNTHETIC_NOTICE
    from imgae_monai.engines.score_parts import SUMMARY_NAME

    config = folder / "configs" / "inference.json"
    if "table" not in bc.merge_config([config], {}):
        raise InputError(f"{folder} was trained by a version that writes no tables: predict without --table")
    if (target / "predictions.csv").exists():
        raise InputError(f"{target} already holds predictions with pictures: give another --output")
    sources = [os.path.abspath(os.path.expanduser(path)) for path in paths]
    where = {"dataset_dir": sources, "bundle_root": str(folder), "output_dir": str(target)}
    bc.run_bundle([config], {**overrides, **where})
    summary = target / SUMMARY_NAME
    if not summary.is_file():
        print(f"this process has done its share; parts of others are still missing; results: {target / 'parts'}")
        return
    counts = json.loads(summary.read_text(encoding="utf-8"))
    if counts["n_synthetic"]:
        print(SYNTHETIC_NOTICE)
    print(
        f"{counts['n_images']} images: {counts['n_abnormal']} abnormal, {counts['n_normal']} normal (threshold "
        f"{counts['threshold']:.6g}), {counts['n_unreadable']} not readable; {counts['n_parts']} part(s): "
        f"{target / 'parts'}"
    )
