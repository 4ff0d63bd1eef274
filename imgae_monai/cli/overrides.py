"""Flags of the command line as overrides of a bundle's config."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_OF_THE_MAP = ("residual", "residual_clahe", "smoothing_sigma", "z_score", "reduction", "top_fraction")


def given(**flags: Any) -> dict[str, Any]:
    """The flags that were given (not None) as overrides, in the form that the config holds them.

    ``device`` becomes an expression, names separated by commas a list, a path absolute (a run may be read from
    anywhere).
    """
    overrides = {key: value for key, value in flags.items() if value is not None}
    if "device" in overrides:
        overrides["device"] = f"$imgae_monai.engines.choose_device({overrides['device']!r})"
    for key, kind in (("batch_size", int), ("memory_budget", float)):
        if isinstance(overrides.get(key), str):
            overrides[key] = _number_or_auto(key, overrides[key], kind)
    if "mlflow_uri" in overrides:
        from imgae_monai.handlers import mlflow_address

        overrides["mlflow_uri"] = mlflow_address(overrides["mlflow_uri"])
    for key in ("cache_dir", "lpips_weights"):
        if key in overrides:
            overrides[key] = str(Path(overrides[key]).expanduser().resolve())
    for key in ("normal_names", "abnormal_names", "views", "sexes", "findings", "explain"):
        if key in overrides:
            overrides[key] = [name.strip() for name in overrides[key].split(",")]
    for key in ("corruptions", "combine"):
        if key in overrides:
            names = [name.strip() for name in overrides[key].split(",")]
            overrides[key] = [] if names == ["none"] else names
    if "dataset_dir" in overrides:
        overrides["dataset_dir"] = data_sources(overrides["dataset_dir"])
    return overrides


def warn_of_map_only(run: Path, overrides: Mapping[str, Any]) -> None:
    """Say that flags of the anomaly map leave the image score as it is, where that is made of named scores.

    Args:
        run: folder of the run.
        overrides: as :py:func:`given` makes them.
    """
    flags = [f"--{key}" for key in _OF_THE_MAP if key in overrides]
    if not flags or "combine" in overrides:
        return
    combine = json.loads((run / "configs" / "train.json").read_text(encoding="utf-8")).get("combine")
    if combine:
        names = combine if isinstance(combine, str) else ", ".join(combine)
        logger.warning(
            "the anomaly map follows %s, the image score does not: it is made of %s; --combine none takes the map's",
            ", ".join(flags),
            names,
        )


def _number_or_auto(key: str, value: str, kind: type) -> Any:
    try:
        return value if value == "auto" else kind(value)
    except ValueError as e:
        raise InputError(
            f"--{key} takes {'a whole number' if kind is int else 'a number'} or auto, got {value!r}"
        ) from e


def data_sources(data: str | Sequence[str]) -> str | list[str]:
    """Sources separated by commas, each in one spelling: absolute, as a run may be read from anywhere.

    Args:
        data: a path or address, several separated by commas (unless a path with that comma exists), or a list.

    Returns:
        one source, or the list.

    Raises:
        InputError: when one is empty, or an hf:// address is malformed.
    """
    if isinstance(data, str):
        data = [data] if Path(data).expanduser().exists() else [part.strip() for part in data.split(",")]
    if "" in data:
        raise InputError(f"data names an empty source: {', '.join(data)!r}")
    sources = [_absolute(source) for source in data]
    return sources[0] if len(sources) == 1 else sources


def _absolute(source: str) -> str:
    if source.startswith("hf://"):
        from imgae_monai.data import parse_hub_uri

        return parse_hub_uri(source).uri
    return source if "://" in source else str(Path(source).expanduser().resolve())
