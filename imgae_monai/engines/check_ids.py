"""An id that nothing reads is a mistake: a misspelt override would silently leave the default in force."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monai.bundle import ReferenceResolver
from monai.bundle.properties import InferProperties, TrainProperties
from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS, ID_SEP_KEY
from monai.utils import BundlePropertyConfig

from imgae_monai.engines.config_as_run import ObjectText
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# beside its properties, MONAI reads these by name, what `run` and its like hold, and what its tracking adds
_STARTS = ("imports", "initialize", "finalize", "_meta_")


def check_ids(config: Mapping[str, Any], unread: Sequence[str] = ()) -> None:
    """Refuse a config with an id that neither the config itself nor MONAI reads.

    MONAI takes any override: ``python -m monai.bundle run ... --max_epoch 1`` trains the default number of epochs. The
    ids of a section that is no component and is not handed on as a whole (``train``) are looked at one by one. Who
    replaces a component takes its readers away: ids that only it read are set to null, which means that there is none.
    Where an object of Python's took a component's place (``workflow.dataset = mine``), who set it may know no ids, and
    they are logged instead.

    Args:
        config: the raw config, see :py:func:`config_as_run`.
        unread: ids that this config may hold without a reader, since it is an overlay over one that reads them.

    Raises:
        InputError: names such an id, and the nearest one that is read.
    """
    properties: dict[str, Any] = TrainProperties if "train" in config else InferProperties
    tracking: dict[str, Any] = DEFAULT_MLFLOW_SETTINGS["configs"]  # type: ignore[assignment]
    expected = [*(p[BundlePropertyConfig.ID] for p in properties.values()), *tracking, *unread]
    read = {*references(config), *map(ReferenceResolver.normalize_id, expected)}
    ids = list(_ids(config))
    strays = [id for id in ids if not _is_read(id, read) and not _is_null(config, id)]
    if strays:
        # of a section that nothing reads, the section is enough
        outermost = [id for id in strays if id.rpartition(ID_SEP_KEY)[0] not in strays]
        shown = [id.replace(ID_SEP_KEY, "#") for id in outermost]
        known = [id.replace(ID_SEP_KEY, "#") for id in ids if id not in strays]
        message = f"nothing in the config reads {', '.join(_with_nearest(id, known) for id in shown)}"
        if not _holds_object(config):
            raise InputError(f"{message}; if what read it was overridden, set it to null")
        logger.warning("%s: an object that was set from Python may have replaced what did", message)


def _with_nearest(id: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(id, known, n=1)
    return f"{id!r}" + (f" (did you mean {near[0]!r}?)" if near else "")


def _holds_object(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_object(part) for part in value.values())
    if isinstance(value, list | tuple):
        return any(_holds_object(part) for part in value)
    return isinstance(value, ObjectText)


def _is_null(config: Mapping[str, Any], id: str) -> bool:
    value: Any = config
    for part in id.split(ID_SEP_KEY):
        value = value[part]
    return value is None


def references(value: Any) -> Iterator[str]:
    """Every ``@id`` in the strings below a part of a config, nested ones as ``section::id``."""
    if isinstance(value, str):
        yield from ReferenceResolver.match_refs_pattern(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from references(part)


def _ids(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Ids to be read, those of nested sections too; arguments of a component are its own affair."""
    for key, value in section.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping) and "_target_" not in value:
            yield from _ids(value, f"{prefix}{key}{ID_SEP_KEY}")


def _is_read(id: str, read: set[str]) -> bool:
    parts = id.split(ID_SEP_KEY)
    if parts[0] in _STARTS or (len(parts) == 1 and parts[0].split("_")[0] == "run"):
        return True
    whole = (ID_SEP_KEY.join(parts[:n]) for n in range(1, len(parts) + 1))
    return any(w in read for w in whole) or any(r.startswith(f"{id}{ID_SEP_KEY}") for r in read)
