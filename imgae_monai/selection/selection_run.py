"""A trained run as selection needs it: its network, and the very transforms of its evaluation."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose
from monai.utils import convert_to_tensor, ensure_tuple

from imgae_monai.engines.normal_codes import copies_to_vary, fit_codes
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.checked_checkpoint_loader import check_checkpoint
from imgae_monai.selection.validation_items import training_items
from imgae_monai.transforms.before_resizing import split_before_resizing
from imgae_monai.transforms.clahe import CLAHEd
from imgae_monai.transforms.codes import Codes
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import ScoreDefinition

SCORE_IDS = tuple(field.name for field in dataclasses.fields(ScoreDefinition))


class SelectionRun:
    """Network, preprocessing and residual maps of a run, built from its config of evaluation.

    Images are corrupted as they are before CLAHE, where the run has it, so that an anomaly goes through it as a real
    one would.

    Args:
        name: what to call the run.
        folder: of the run; its config executes code.
        config: its train.json with evaluate.json over it.
        device: ``"cpu"``, ``"cuda"``, ..., or None for that of the training.

    Raises:
        InputError: when there is no checkpoint, or it is another network's.
    """

    def __init__(self, name: str, folder: Path, config: Mapping[str, Any], device: str | None = None) -> None:
        self.name = name
        self.folder = folder
        self.config = {**copy.deepcopy(dict(config)), "bundle_root": str(folder)}
        if device is not None:
            self.config["device"] = f"$imgae_monai.engines.choose_device({device!r})"
        parser = ConfigParser(self.config)
        self.checkpoint = Path(parser.get_parsed_content("ckpt_dir")) / "model.pt"
        self.device: torch.device = parser.get_parsed_content("device")
        self.network: torch.nn.Module = parser.get_parsed_content("network")
        check_checkpoint(self.checkpoint, self.network)
        self.network.load_state_dict(torch.load(self.checkpoint, map_location=self.device, weights_only=True))
        self.network.eval()
        self._inferer = parser.get_parsed_content("validate#inferer")
        steps = list(parser.get_parsed_content("validate#preprocessing").transforms)
        at = next((i for i, step in enumerate(steps) if isinstance(step, CLAHEd)), len(steps))
        first, then = split_before_resizing(steps[:at])
        self._read, self._resize, self._finish = Compose(first), Compose(then), Compose(steps[at:])

    @property
    def corruptions(self) -> list[str]:
        """Names of what the network was trained to undo."""
        return list(ensure_tuple(self.config.get("corruptions") or []))

    def load(self, item: Mapping[str, Any]) -> torch.Tensor:
        """An image as it is before CLAHE, (C, H, W[, D]) in [0, 1], float32."""
        return self.resize(self.read(item))

    def read(self, item: Mapping[str, Any]) -> dict[Hashable, Any]:
        """The item with its image as it is in the file."""
        return self._read(dict(item))

    def resize(self, item: Mapping[Hashable, Any]) -> torch.Tensor:
        """The image that was read, and perhaps varied, as :py:meth:`load` gives it."""
        return _plain(self._resize(dict(item))["image"])

    def finish(self, image: torch.Tensor) -> torch.Tensor:
        """The same as the network gets it."""
        return _plain(self._finish({"image": image})["image"])

    def reconstruct(self, images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Reconstructions of images as the network gets them."""
        with torch.no_grad():
            batch = torch.stack(list(images)).to(self.device)
            return list(_plain(self._inferer(inputs=batch, network=self.network)))

    def codes(self, names: Sequence[str], images: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """Codes (n, d) by name of images as the network gets them, see :py:class:`imgae_monai.transforms.Codes`.

        Raises:
            InputError: when the network does not give them.
        """
        with torch.no_grad():
            found = Codes(names, self.network).batch(torch.stack(list(images)).to(self.device))
        return {name: code.double().cpu() for name, code in found.items()}

    def fit_codes(self, names: Sequence[str]) -> dict[str, Gaussian]:
        """Gaussians of the training images' codes, as :py:class:`imgae_monai.engines.Calibrator` fits them."""
        items = training_items(self.folder, self.checkpoint.parent)
        n_copies = self.config.get("code_copies", 1)  # one where an earlier version wrote the config
        images: Iterable[torch.Tensor]
        if n_copies == 1:
            images = map(self.load, copies_to_vary(items, 1))
        else:
            vary = ConfigParser(self.config).get_parsed_content("calibrate#vary")
            images = (self.resize(vary(self.read(item))) for item in copies_to_vary(items, n_copies))
        return fit_codes(names, self.network, ({"image": self.finish(image)[None]} for image in images), self.device)

    def check_score(self, score: ScoreDefinition) -> None:
        """
        Raises:
            InputError: when the run's config can't give this score.
        """
        unknown = [name for name in SCORE_IDS if name not in self.config and _is_set(score, name)]
        if unknown:
            raise InputError(
                f"{self.name} can't be scored by {score.name}: its config has no {', '.join(unknown)} (another version "
                "wrote it): leave the score out, or train again"
            )

    def map_transform(self, score: ScoreDefinition) -> Compose:
        """What gives ``anomaly_map`` of ``image`` and ``pred``, before it is standardised and reduced."""
        config = copy.deepcopy(self.config)
        config.update({k: v for k, v in dataclasses.asdict(score.base).items() if k in config})
        parser = ConfigParser(config)
        parser["network"] = self.network
        parser["device"] = self.device
        return Compose(parser.get_parsed_content("residual_transforms"))


def _is_set(score: ScoreDefinition, name: str) -> bool:
    return bool(getattr(score, name) != getattr(ScoreDefinition(), name))


def _plain(values: torch.Tensor) -> torch.Tensor:
    return convert_to_tensor(values, track_meta=False, dtype=torch.float32).detach().cpu()
