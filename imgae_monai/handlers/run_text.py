"""Show in TensorBoard what a run's curves come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine, Events
from monai.handlers import TensorBoardHandler

from imgae_monai.data.datalist import Datalist
from imgae_monai.engines.environment import environment


class RunTextHandler(TensorBoardHandler):
    """Write settings (with the seed), versions, git state, data fingerprint and config as texts ``run/...``.

    Args:
        summary_writer: TensorBoard's writer, or a :py:class:`imgae_monai.handlers.RunWriter`.
        datalist: the data, for its fingerprint and origin.
        settings: bundle, preset, seed, ...
        config: the config as run, see :py:func:`imgae_monai.engines.config_as_run`.
    """

    def __init__(
        self, summary_writer: Any, datalist: Datalist, settings: Mapping[str, Any], config: Mapping[str, Any]
    ) -> None:
        super().__init__(summary_writer=summary_writer)
        self.datalist = datalist
        self.settings = settings
        self.config = config
        self._written = False

    def attach(self, engine: Engine) -> None:
        """Args: engine: the trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        if self._written:
            return
        self._written = True
        data = {"source": self.datalist.source, "fingerprint": self.datalist.fingerprint, **self.datalist.counts}
        texts = {"settings": self.settings, "data": data, **environment(engine.state.device), "config": self.config}
        for name, value in texts.items():
            # indented by four, as Markdown's code is: shown as it stands
            lines = json.dumps(value, indent=2).splitlines()
            self._writer.add_text(f"run/{name}", "\n".join(f"    {line}" for line in lines), engine.state.epoch)
