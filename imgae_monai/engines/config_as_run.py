"""The config that is being run, as seen from one of its own expressions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any

import torch
from monai.bundle import ConfigParser

# values that Python may set in place of text or a number; they take no part of the config with them
_VALUES = (torch.device, torch.dtype, torch.memory_format, os.PathLike)


class ObjectText(str):
    """Text that stands for an object which Python set, as ``workflow.dataset = mine`` does."""


def config_as_run() -> dict[str, Any]:
    """The config whose expression calls this, overrides and overlays included, without the bundle's metadata.

    MONAI gives an expression no handle to its parser, and only the parser knows what ``python -m monai.bundle run`` was
    told on its command line. So the parser is looked up in the call stack: this is the one place that does so.

    Returns:
        a copy that can be written as JSON; what can't be (an object set from Python) stands as its text, which is an
        :py:class:`ObjectText`. Macros (``%file::key``) are resolved, expressions and references are not.

    Raises:
        RuntimeError: when no config is being evaluated.
    """
    frame = inspect.currentframe()
    try:
        while frame is not None:
            parser = frame.f_locals.get("self")
            if isinstance(parser, ConfigParser):
                return {key: as_json(value) for key, value in parser.get().items() if key != parser.meta_key}
            frame = frame.f_back
    finally:
        del frame  # or it would keep every local variable on the stack alive
    raise RuntimeError("config_as_run is for a bundle's config, as '$imgae_monai.engines.config_as_run()'")


def as_json(value: Any) -> Any:
    """A copy of a part of a config that can be written as JSON, see :py:func:`config_as_run`."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return str(value) if isinstance(value, _VALUES) else ObjectText(value)
