"""What the network is shown, and what it is measured against, in training and after it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from monai.utils import convert_to_tensor

from tests.conftest import BUNDLES, PLAIN_SCORE, REPO

TINY = {
    **{"image_size": 16, "latent_size": 2, "channels": [4, 8], "batch_size": 8, "epochs": 2, "specificity": 0.5},
    **{"device": "cpu", "picture_interval": 1, "tensorboard": True},
    **PLAIN_SCORE,
}
OWN = {"unet_autoencoder": {"strides": [2]}, "reversed_autoencoder": {"strides": [2, 2]}}
ENGINES = {"train": "train#trainer", "validate": "validate#evaluator", "watch": "watch#evaluator"}
ENGINES["calibrate"] = "calibrate#evaluator"


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    monkeypatch.setattr("imgae_monai.visualize.plot_losses", lambda *args, **kwargs: None)
    monkeypatch.setattr("imgae_monai.handlers.WatchHandler._write", lambda *args: None)


def shown(bundle: str, folder: Path, data: Path, **ids) -> dict[str, list[tuple[str, torch.Tensor, torch.Tensor]]]:
    """By engine each image's path, what the network got of it, and the image itself."""
    config = str(REPO / "bundles" / bundle / "configs" / "train.json")
    where = {"bundle_root": str(folder), "dataset_dir": str(data)}
    workflow = ConfigWorkflow(
        config_file=config, workflow_type="train", logging_file=False, **{**where, **TINY, **OWN[bundle], **ids}
    )
    workflow.initialize()
    seen: dict[str, list] = {name: [] for name in ENGINES}
    inputs: list[torch.Tensor] = []
    network = workflow.parser.get_parsed_content("network")
    # an introspective step takes encoder and decoder apart, and encodes four batches that it generates after the images
    generates = bundle == "reversed_autoencoder"
    (network.encoder if generates else network).register_forward_pre_hook(
        lambda module, args: inputs.append(args[0].detach().clone())
    )

    def collect(engine, name: str) -> None:
        batch = engine.state.batch
        if isinstance(batch, list):  # decollated
            paths, images = [item["image_path"] for item in batch], [item["image"] for item in batch]
        else:
            paths, images = batch["image_path"], batch["image"]
        images = [convert_to_tensor(image, track_meta=False) for image in images]
        seen[name] += list(zip(paths, inputs[-5 if generates and name == "train" else -1], images, strict=True))
        inputs.clear()

    for name, id in ENGINES.items():
        workflow.parser.get_parsed_content(id).add_event_handler(Events.ITERATION_COMPLETED, collect, name)
    workflow.run()
    return seen


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("corruptions", [["coarse_noise"], ["foreign_patch", "cut_paste"]])
def test_training_and_validation_restore_and_all_else_sees_clean_images(bundle, corruptions, phantoms, tmp_path):
    seen, again = (shown(bundle, tmp_path / name, phantoms, corruptions=corruptions) for name in "ab")
    n = {name: len(rows) for name, rows in seen.items()}
    assert n == {"train": 48, "validate": 48, "watch": 48, "calibrate": 24}
    for name in ("watch", "calibrate"):
        assert all(torch.equal(x, image) for _, x, image in seen[name])
    changed = [not torch.equal(x, image) for name in ("train", "validate") for _, x, image in seen[name]]
    assert sum(changed) > 0.9 * len(changed)  # a foreign patch may lie on what is black in both
    first, second = ({path: x - image for path, x, image in seen["validate"][i : i + 24]} for i in (0, 24))
    other = {path: x - image for path, x, image in again["validate"][:24]}
    assert all(torch.equal(first[path], second[path]) and torch.equal(first[path], other[path]) for path in first)
    assert len({tuple(noise.flatten().tolist()) for noise in first.values()}) == 24
    in_epochs = [{path: x for path, x, _ in seen["train"][i : i + 24]} for i in (0, 24)]
    assert not any(torch.equal(in_epochs[0][path], in_epochs[1][path]) for path in in_epochs[0])


@pytest.mark.parametrize("bundle", BUNDLES)
def test_without_corruptions_all_see_clean_images(bundle, phantoms, tmp_path):
    seen = shown(bundle, tmp_path, phantoms, corruptions=[], epochs=1)
    assert all(torch.equal(x, image) for rows in seen.values() for _, x, image in rows)


def test_the_validation_loss_is_that_of_restoring(phantoms, tmp_path):
    """What copies its input has no loss on clean images."""
    unread = dict.fromkeys(["latent_size", "channels", "strides", "dropout", "auxiliary_weight", "reconstruction_loss"])
    copying = {
        "network_def": {"_target_": "tests.bundles.test_restoration.Copy"},
        "loss": {"_target_": "torch.nn.L1Loss"},
    }
    found = {}
    for name, corruptions in (("plain", []), ("restoration", ["coarse_noise"])):
        ids = {**unread, **copying, "corruptions": corruptions, "epochs": 1}
        shown("unet_autoencoder", tmp_path / name, phantoms, **ids)
        found[name] = json.loads((tmp_path / name / "eval" / "train.json").read_text())["val_loss"][0][1]
    assert found["plain"] == 0
    # of normal noise with standard deviation 0.2 two thirds, on what is not black
    assert 0.03 < found["restoration"] < 0.2 * (2 / math.pi) ** 0.5


class Copy(torch.nn.Module):
    """What a network with skip connections may become."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0 * self.one
