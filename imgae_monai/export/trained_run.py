"""A run's network, score and calibration, and what its own transforms make of images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.transforms import Compose
from monai.utils import convert_to_tensor
from torch import nn

from imgae_monai.engines.calibrator import load_calibration
from imgae_monai.engines.ensemble_members import ensemble_members
from imgae_monai.exceptions import InputError
from imgae_monai.export.clahe import BatchedCLAHE
from imgae_monai.export.ensemble import MembersNetwork
from imgae_monai.export.residual import mapped_scores
from imgae_monai.export.score_model import ScoreModel
from imgae_monai.handlers.checked_checkpoint_loader import check_checkpoint
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.clahe import CLAHEd
from imgae_monai.transforms.resize_keep_aspect import ResizeKeepAspectd


@dataclasses.dataclass(frozen=True)
class Scored:
    """What the run's own transforms gave of images.

    Args:
        images: as the exported file takes them, (B, 1, H, W[, D]), float32.
        scores: (B,), float64.
        maps: (B, 1, H, W[, D]), float32.
    """

    images: torch.Tensor
    scores: torch.Tensor
    maps: torch.Tensor


class TrainedRun:
    """What an ``inference.json`` describes, taken apart for an export. The config executes code.

    Args:
        config: with ``bundle_root`` set to the run's folder.

    Raises:
        InputError: when a checkpoint or the calibration is missing, or the config has steps that can't be exported.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = json.loads(json.dumps(config))
        self._config["device"] = "$imgae_monai.engines.choose_device('cpu')"
        if "original_size" not in self._config:
            raise InputError("the config has no original_size: it is of another version; train again to export")
        # maps at the network's size, as they leave an exported file
        self._config["original_size"] = {"_target_": "Identityd", "keys": "image"}
        self._config["handlers"] = []
        self.parser = ConfigParser(self._config)
        self.network: nn.Module = self.parser.get_parsed_content("network")
        self.ckpt_dir = Path(self.parser.get_parsed_content("ckpt_dir"))
        self._ensemble = int(self._config.get("ensemble", 1))
        score = self.parser.get_parsed_content("score")
        mapped_scores(score)  # before anyone is sent to calibrate a score that can't be exported
        self.calibration: Calibration = load_calibration(self.ckpt_dir, score, self._ensemble)
        self.network.load_state_dict(self._weights(self.ckpt_dir / "model.pt"))
        self.network.eval()
        transforms = self.parser.get_parsed_content("preprocessing").transforms
        resized = [isinstance(transform, ResizeKeepAspectd) for transform in transforms]
        if not any(resized):
            raise InputError("the preprocessing has no ResizeKeepAspectd: it is not told where an exported file begins")
        last = len(resized) - 1 - resized[::-1].index(True)
        self.before = Compose(transforms[: last + 1])
        self.equaliser = self._equaliser(transforms[last + 1 :])

    @property
    def size(self) -> tuple[int, ...]:
        """(H, W[, D]) of the images."""
        return tuple(self.calibration.mean.shape[1:])

    def model(self) -> ScoreModel:
        """The module to export.

        Raises:
            InputError: when the score can't be exported.
        """
        weights = self._config.get("lpips_weights") and self.parser.get_parsed_content("lpips_weights")
        members = None
        if self._ensemble > 1:
            states = [self._weights(path) for path in ensemble_members(self.ckpt_dir, self._ensemble)]
            members = MembersNetwork(self.network, states)
        return ScoreModel(self.network, self.calibration, self.size, self.equaliser, members, weights).eval()

    def score(self, images: Sequence[str]) -> Scored:
        """Score images as ``predict`` does, by MONAI's evaluator.

        Args:
            images: paths or references.
        """
        items = [{"image": image, "image_path": image} for image in images]
        config = json.loads(json.dumps(self._config))
        config["dataset"]["data"] = items
        parser = ConfigParser(config)
        parser["network"] = self.network
        evaluator = parser.get_parsed_content("evaluator")
        found: dict[str, tuple[float, torch.Tensor]] = {}

        def collect(engine: Engine) -> None:
            for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
                found[batch["image_path"]] = float(output["score"]), _plain(output["anomaly_map"])

        evaluator.add_event_handler(Events.ITERATION_COMPLETED, collect)
        evaluator.run()
        return Scored(
            images=torch.stack([_plain(self.before(item)["image"]) for item in items]),
            scores=torch.tensor([found[image][0] for image in images], dtype=torch.float64),
            maps=torch.stack([found[image][1] for image in images]),
        )

    def _weights(self, path: Path) -> dict[str, torch.Tensor]:
        check_checkpoint(path, self.network)
        return dict(torch.load(path, map_location="cpu", weights_only=True))

    def _equaliser(self, transforms: Sequence[Any]) -> BatchedCLAHE | None:
        names = [type(transform).__name__ for transform in transforms]
        if any(name != CLAHEd.__name__ for name in names) or len(names) > 1:
            raise InputError(
                f"the preprocessing has {', '.join(names)} after resizing; an exported file has nothing but one CLAHEd "
                "there: move the others before it"
            )
        if not transforms:
            return None
        clahe = transforms[0].equaliser
        return BatchedCLAHE(self.size, clahe.clip_limit, clahe.kernel_size)


def _plain(values: torch.Tensor) -> torch.Tensor:
    return convert_to_tensor(values, track_meta=False, dtype=torch.float32).detach().cpu()
