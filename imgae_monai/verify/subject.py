"""The bundle that is being checked, and where a check may write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from imgae_monai.exceptions import InputError
from imgae_monai.verify.large_files import read_large_files

SUFFIXES = ("json", "yaml", "yml")


class Skipped(Exception):
    """A check that can't be made here and now, for a reason that is not the bundle's."""


@dataclass(frozen=True)
class Subject:
    """A bundle under check. Nothing is written to its folder.

    Args:
        folder: the bundle's folder.
        scratch: a folder for what the checks make; it outlives them all, so that one can use what another made.
        schema: a copy of MONAI's metadata schema, or None where MONAI is to download it.
    """

    folder: Path
    scratch: Path
    schema: Path | None = None

    def config_file(self, name: str) -> Path:
        """Path of ``configs/{name}``, with whichever suffix MONAI reads it.

        Raises:
            InputError: when there is none.
        """
        for suffix in SUFFIXES:
            path = self.folder / "configs" / f"{name}.{suffix}"
            if path.is_file():
                return path
        raise InputError(f"configs/{name}.json is missing (or {name}.yaml, {name}.yml)")

    @property
    def meta_file(self) -> Path:
        """Path of the metadata, which have to be JSON."""
        return self.folder / "configs" / "metadata.json"

    @property
    def metadata(self) -> dict[str, Any]:
        """What the metadata say."""
        return dict(ConfigParser.load_config_file(str(self.meta_file)))

    def weights(self) -> Path:
        """Weights of the network: the bundle's, those of ``large_files.yml`` once they are fetched, or new ones.

        New ones are those that the network starts with, drawn with a fixed seed.
        """
        own, other = self._own_weights, self.scratch / "models" / "model.pt"
        if own.is_file():
            return own
        if not other.is_file():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                network = self.network()
            other.parent.mkdir(exist_ok=True)
            torch.save(network.state_dict(), other)
        return other

    def origin_of_weights(self) -> str:
        """Where :py:meth:`weights` has them from, in a word."""
        if self._own_weights.is_file():
            return "its own"
        listed = [file.path for file in read_large_files(self.folder) or []]
        return "downloaded" if "models/model.pt" in listed else "new, untrained"

    @property
    def _own_weights(self) -> Path:
        return self.folder / "models" / "model.pt"

    def network(self) -> torch.nn.Module:
        """The network that inference uses, as it starts."""
        parser = ConfigParser()
        parser.read_config(str(self.config_file("inference")))
        network: torch.nn.Module = parser.get_parsed_content("network_def")
        return network
