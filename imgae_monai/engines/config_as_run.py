"""The config that is being run, as seen from one of its own expressions."""

from __future__ import annotations

import inspect
import json
from typing import Any

from monai.bundle import ConfigParser


def config_as_run() -> dict[str, Any]:
    """The config whose expression calls this, overrides and overlays included, without the bundle's metadata.

    MONAI gives an expression no handle to its parser, and only the parser knows what ``python -m monai.bundle run`` was
    told on its command line. So the parser is looked up in the call stack: this is the one place that does so.

    Returns:
        a copy that can be written as JSON; what can't be (an object set from Python) stands as its text. Macros
        (``%file::key``) are resolved, expressions and references are not.

    Raises:
        RuntimeError: when no config is being evaluated.
    """
    frame = inspect.currentframe()
    try:
        while frame is not None:
            parser = frame.f_locals.get("self")
            if isinstance(parser, ConfigParser):
                config = {key: value for key, value in parser.get().items() if key != parser.meta_key}
                copy: dict[str, Any] = json.loads(json.dumps(config, default=str))
                return copy
            frame = frame.f_back
    finally:
        del frame  # or it would keep every local variable on the stack alive
    raise RuntimeError("config_as_run is for a bundle's config, as '$imgae_monai.engines.config_as_run()'")
