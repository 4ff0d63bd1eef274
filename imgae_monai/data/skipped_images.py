"""The list of images that a run left out because they can't be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from monai.config import PathLike

from imgae_monai.data.unreadable import SkippedImage
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


class SkippedImages:
    """Images that were left out, in the order in which they were met, each once and with a warning.

    The list can be saved and loaded, so that a resumed run's is whole.
    """

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def add(self, images: Iterable[SkippedImage]) -> None:
        """List images that are not listed yet."""
        for image in images:
            if image.path not in self._reasons:
                self._reasons[image.path] = image.reason
                logger.warning("%s is skipped from now on, as on_unreadable says: %s", image.path, image.reason)

    def share(self) -> None:
        """List what the other processes of the run have left out, too; all of them call this together."""
        if idist.get_world_size() > 1:
            for reasons in map(json.loads, idist.all_gather(json.dumps(self._reasons))):
                self._reasons = {**reasons, **self._reasons}

    def check_listed(self, images: Iterable[SkippedImage]) -> None:
        """
        Raises:
            InputError: when one is not listed.
        """
        for image in images:
            if image.path not in self._reasons:
                raise InputError(
                    f"{image.reason}. Training could read {image.path} or never saw it, so that a calibration without "
                    "it would not be of the images that the run names"
                )

    def read_record(self, path: PathLike) -> None:
        """Take the list that a run's ``train.json`` holds; without a file it stays as it is."""
        if Path(path).is_file():
            listed = json.loads(Path(path).read_text(encoding="utf-8")).get("skipped_images", [])
            self._reasons = {entry["path"]: entry["reason"] for entry in listed}

    def to_list(self) -> list[dict[str, str]]:
        """Dictionaries of ``path`` and ``reason``."""
        return [{"path": path, "reason": reason} for path, reason in self._reasons.items()]

    def state_dict(self) -> dict[str, Any]:
        """The list."""
        return {"reasons": dict(self._reasons)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a saved list."""
        self._reasons = dict(state_dict["reasons"])
