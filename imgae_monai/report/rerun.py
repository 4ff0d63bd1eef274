"""The network of an evaluation once more, to show and to explain single images."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset
from monai.inferers import Inferer
from monai.utils import convert_to_tensor
from numpy.typing import NDArray

from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.regions import regions_of
from imgae_monai.data.sources import read_source
from imgae_monai.engines.calibrator import load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.checked_checkpoint_loader import check_checkpoint
from imgae_monai.transforms.resize_keep_aspect import ResizeKeepAspectd

_RELATIVE, _ABSOLUTE = 1e-4, 1e-6  # what another batch or another processor may change; the latter of the largest score
_STANDARDISED = 1e-3  # the same where a score is made of components: in standard deviations, and near 0 for many images
_LATENT_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Look:
    """What the network made of one image.

    Args:
        image: the network's input (1, H, W[, D]) in [0, 1], on the CPU.
        reconstruction: same shape.
        anomaly_map: same shape, as scored.
        score: raw.
    """

    image: torch.Tensor
    reconstruction: torch.Tensor
    anomaly_map: torch.Tensor
    score: float


class EvaluatedNetwork:
    """A network with the transforms, the score and the calibration that an evaluation had.

    They are built from the config that stands in ``metrics.json``, so that what is shown comes from the very settings
    that gave the figures. The config executes code.

    Args:
        metrics: content of ``metrics.json``.
        run: folder of the run.
        device: ``"cpu"``, ``"cuda"``, ..., or None for the evaluation's.

    Raises:
        InputError: when the weights are not those that were evaluated, or the config is not told.
    """

    def __init__(self, metrics: Mapping[str, Any], run: Path, device: str | None = None) -> None:
        if not metrics.get("config"):
            raise InputError("metrics.json does not tell its config (another version wrote it): imgae-monai evaluate")
        config = json.loads(json.dumps(metrics["config"]))
        config["bundle_root"] = str(run)
        if device is not None:
            config["device"] = f"$imgae_monai.engines.choose_device({device!r})"
        # the writer of results, the metrics and the data list of the evaluation are not wanted here
        config["validate"]["handlers"] = []
        config["validate"]["key_metric"] = None
        self._config = config
        self._parser = ConfigParser(config)
        path = Path(self._parser.get_parsed_content("ckpt_dir")) / "model.pt"
        if not path.is_file():
            raise InputError(f"no checkpoint at {path}")
        if file_sha256(path) != metrics["checkpoint_sha256"]:
            raise InputError(f"{path} is not what was evaluated, by its sha256: imgae-monai evaluate {run} --overwrite")
        self.network: torch.nn.Module = self._parser.get_parsed_content("network")
        check_checkpoint(path, self.network)
        self.device: torch.device = self._parser.get_parsed_content("device")
        self.network.load_state_dict(torch.load(path, map_location=self.device, weights_only=True))
        self.network.eval()
        self.inferer: Inferer = self._parser.get_parsed_content("validate#inferer")
        ensemble = config.get("ensemble", 1)  # absent where an earlier version evaluated
        self.calibration = load_calibration(path.parent, self._parser.get_parsed_content("score"), ensemble)

    @property
    def geometry(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """How an image comes to the network's size, for what is drawn on it.

        Raises:
            InputError: when that is no step of the preprocessing.
        """
        for transform in self._parser.get_parsed_content("validate#preprocessing").transforms:
            if isinstance(transform, ResizeKeepAspectd):
                return transform.resizer
        raise InputError("the preprocessing has no ResizeKeepAspectd, so that boxes can't be brought to its images")

    @property
    def lpips_weights(self) -> str | None:
        """Path of LPIPS's weights, None where the evaluation had none."""
        return self._parser.get_parsed_content("lpips_weights") if "lpips_weights" in self._config else None

    def regions(self, images: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Where images are known to be abnormal, read anew from the data that the config names.

        Args:
            images: paths or references.

        Returns:
            as :py:meth:`imgae_monai.data.Datalist.regions`, of these images only.

        Raises:
            InputError: when the data can't be had or are malformed.
        """
        told = self._parser.get_parsed_content("datalist", instantiate=False).resolve_args()
        arguments = ("normal_names", "abnormal_names", "patient_pattern", "slice_axis", "slice_fraction")
        source = read_source(told["source"], **{name: told[name] for name in arguments if name in told})
        wanted = set(images)
        return regions_of([item for item in source.items if item["image"] in wanted])

    def look(self, images: Sequence[str], labels: Sequence[int], scores: Sequence[float]) -> list[Look]:
        """Pass images through the evaluation's engine once more.

        Args:
            images: paths or references, as ``scores.csv`` has them.
            labels: 0 normal, 1 abnormal.
            scores: what the evaluation wrote of them.

        Raises:
            InputError: when a score is not what it was: data, software or settings have changed.
        """
        pairs = zip(images, labels, strict=True)
        items = [{**_item(image), "label": int(label), "patient_id": image} for image, label in pairs]
        config = json.loads(json.dumps(self._config))
        config["validate"]["dataset"]["data"] = items
        parser = ConfigParser(config)
        parser["network"] = self.network
        parser["device"] = self.device
        evaluator = parser.get_parsed_content("validate#evaluator")
        found: dict[str, Look] = {}

        def collect(engine: Engine) -> None:
            for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
                image, reconstruction, anomaly_map = (_plain(output[key]) for key in ("image", "pred", "anomaly_map"))
                reconstruction = reconstruction[: image.shape[0]]
                found[batch["image_path"]] = Look(image, reconstruction, anomaly_map, float(output["score"]))

        evaluator.add_event_handler(Events.ITERATION_COMPLETED, collect)
        evaluator.run()
        looks = [found[image] for image in images]
        floor = _ABSOLUTE * max(map(abs, scores), default=0.0)
        if self.calibration.score.components:
            floor = max(floor, _STANDARDISED)
        _check_scores(images, [look.score for look in looks], scores, floor)
        return looks

    def encode(self, images: Sequence[str]) -> NDArray[np.float64]:
        """The network's codes of images: of a variational one, their means.

        Args:
            images: paths or references.

        Returns:
            (n, latent_size).

        Raises:
            InputError: when the network has no ``encode`` that gives one vector an image, or an image can't be read.
        """
        encode = getattr(self.network, "encode", None)
        if encode is None:
            raise InputError(f"{type(self.network).__name__} has no encode")
        preprocessing = self._parser.get_parsed_content("validate#preprocessing")
        loader = DataLoader(Dataset([_item(image) for image in images], preprocessing), batch_size=_LATENT_BATCH)
        codes = []
        with torch.no_grad():
            for batch in loader:
                code = encode(convert_to_tensor(batch["image"], track_meta=False).to(self.device))
                code = code[0] if isinstance(code, tuple) else code  # mean and log variance
                if not isinstance(code, torch.Tensor) or code.ndim != 2:
                    raise InputError(f"{type(self.network).__name__}.encode does not give one vector an image")
                codes.append(np.asarray(code.cpu(), dtype=np.float64))
        return np.concatenate(codes)


def _item(image: str) -> dict[str, Any]:
    return {"image": image, "image_path": image}


def _plain(values: torch.Tensor) -> torch.Tensor:
    return convert_to_tensor(values, track_meta=False, dtype=torch.float32).detach().cpu()


def _check_scores(images: Sequence[str], now: Sequence[float], then: Sequence[float], floor: float) -> None:
    for image, new, old in zip(images, now, then, strict=True):
        if not math.isclose(new, old, rel_tol=_RELATIVE, abs_tol=floor):
            raise InputError(
                f"{image} scores {new:.6g} now and {old:.6g} in the evaluation: the image, the software or the "
                "settings have changed since, and pictures would not show what the figures are of; evaluate again with "
                "--overwrite"
            )
