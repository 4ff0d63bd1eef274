from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import create_workflow, load
from monai.inferers import SimpleInferer
from PIL import Image

from imgae_monai.bundle import AnomalyInferenceWorkflow
from imgae_monai.data import read_image
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES

DOTTED = "imgae_monai.bundle.AnomalyInferenceWorkflow"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def images(phantoms, tmp_path_factory) -> list[Path]:
    """Two images of a size that is not the network's."""
    folder = tmp_path_factory.mktemp("images")
    for path in sorted((phantoms / "test" / "abnormal").iterdir())[:2]:
        Image.open(path).resize((48, 40)).save(folder / path.name)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def told(cli, default_score_runs, images, tmp_path_factory) -> dict[str, list[dict[str, str]]]:
    """What the command line writes of these images, one a batch."""
    found = {}
    for bundle, folder in default_score_runs.items():
        output = tmp_path_factory.mktemp(f"told_{bundle}")
        cli("predict", folder, images[0].parent, "--output", output, "--device", "cpu", "--batch_size", 1)
        found[bundle] = rows(output)
    return found


def rows(output: Path) -> list[dict[str, str]]:
    with open(output / "predictions.csv", newline="") as f:
        return list(csv.DictReader(f))


def opened(folder: Path, **override) -> AnomalyInferenceWorkflow:
    workflow = AnomalyInferenceWorkflow(folder, device="cpu", **override)
    workflow.initialize()
    return workflow


@pytest.mark.parametrize("bundle", BUNDLES)
def test_an_image_in_memory_gets_the_command_lines_score(bundle, default_score_runs, images, told):
    workflow = opened(default_score_runs[bundle])
    for path, row in zip(images, told[bundle], strict=True):
        expected = (float(row["score"]), float(row["threshold"]), int(row["decision"]))
        array = read_image(path)
        forms = [path, str(path), path.read_bytes(), array, array[None], torch.from_numpy(array).double()]
        for form in forms:
            workflow.dataflow.clear()
            workflow.dataflow["image"] = form
            found = workflow.run()
            assert found.keys() == workflow.dataflow.keys()
            assert (found["score"], found["threshold"], found["decision"]) == expected
            assert found["anomaly_map"].shape == (1, 40, 48)
            assert found["pred"].shape == (1, 32, 32)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_files_are_scored_as_by_the_config(bundle, default_score_runs, images, told):
    workflow = create_workflow(
        workflow_name=DOTTED,
        bundle_root=str(default_score_runs[bundle]),
        workflow_type="infer",
        dataset_dir=str(images[0].parent),
        output_dir="predicted",
        batch_size=1,
        device="cpu",
    )
    assert workflow.check_properties() == []
    assert len(workflow.dataset) == len(workflow.dataset_data) == 2
    assert workflow.run() == {}
    workflow.finalize()
    assert rows(Path("predicted")) == told[bundle]
    shutil.rmtree("predicted")
    workflow.run()
    assert rows(Path("predicted")) == told[bundle]


def test_load_takes_it_for_the_config_and_needs_no_root(default_score_runs, told, images):
    folder = default_score_runs["unet_autoencoder"]
    where = {"name": folder.name, "bundle_dir": str(folder.parent), "source": "github", "workflow_type": "inference"}
    network = load(**where, workflow_name=DOTTED)
    stored = torch.load(folder / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, stored[key]) for key, value in network.state_dict().items())
    assert not network.training
    workflow = create_workflow(workflow_name=DOTTED, config_file=str(folder / "configs" / "inference.json"))
    assert Path(workflow.bundle_root) == folder
    assert workflow.version == json.loads((folder / "configs" / "metadata.json").read_text())["version"]


def test_a_property_that_is_set_takes_its_place_in_the_config(default_score_runs, images, told):
    workflow = opened(default_score_runs["unet_autoencoder"], dataset_dir=str(images[0]))
    seen = []

    class Counting(SimpleInferer):
        def __call__(self, inputs, network, *args, **kwargs):
            seen.append(tuple(inputs.shape))
            return super().__call__(inputs, network, *args, **kwargs)

    network = type(workflow.network_def)(2, 1, 1, (4, 8, 8), (2, 2), 4, 32, deep_supervision=True)
    workflow.inferer, workflow.network_def, workflow.output_dir = Counting(), network, "elsewhere"
    with pytest.raises(RuntimeError, match="call initialize"):
        workflow.run()
    workflow.initialize()
    workflow.dataflow["image"] = images[0]
    assert workflow.run()["score"] == float(told["unet_autoencoder"][0]["score"])
    assert seen == [(1, 1, 32, 32)]
    assert workflow.network_def is workflow.evaluator.network is network
    assert workflow.output_dir == "elsewhere"


def test_explanations_that_are_asked_for_come_along(default_score_runs, images):
    workflow = opened(default_score_runs["reversed_autoencoder"], explain=["gradient"])
    workflow.dataflow["image"] = images[0]
    assert workflow.run()["gradient"].shape == (1, 40, 48)


def test_a_result_is_of_its_own_image(default_score_runs, images, told):
    workflow = opened(default_score_runs["unet_autoencoder"])
    kept = []
    for path in images:
        workflow.dataflow["image"] = path
        kept.append(workflow.run())
    assert [found["image"] for found in kept] == images
    scores = [float(row["score"]) for row in told["unet_autoencoder"]]
    assert [found["score"] for found in kept] == scores
    assert scores[0] != scores[1]
    assert not torch.equal(kept[0]["anomaly_map"], kept[1]["anomaly_map"])
    workflow.dataflow.update(image="gone.png", note="mine")
    with pytest.raises(InputError, match=r"cannot read gone\.png"):
        workflow.run()
    assert workflow.dataflow == {"image": "gone.png", "note": "mine"}
    assert kept[1]["image"] == images[1]
    workflow.dataflow["image"] = images[0]
    assert workflow.run()["score"] == scores[0]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), dtype=np.uint8), r"grey values in \[0, 1\], got torch.uint8: divide them"),
        (np.full((4, 4), 2.0), r"grey values in \[0, 1\], got 2 to 2: scale"),
        (np.full((4, 4), np.nan), r"grey values in \[0, 1\], got nan to nan"),
        (np.zeros((3, 4, 4)), r"is \(H, W\) or \(1, H, W\) for this run, got \(3, 4, 4\)"),
        (np.zeros((1, 0, 4)), r"got \(1, 0, 4\)"),
        (b"no image", r"cannot read the bytes in dataflow\['image'\]"),
        ("gone.png", r"cannot read gone\.png: no such file"),
    ],
)
def test_an_image_that_is_none_is_refused(image, message, default_score_runs):
    workflow = opened(default_score_runs["unet_autoencoder"])
    workflow.dataflow["image"] = image
    with pytest.raises(InputError, match=message):
        workflow.run()


def test_what_is_no_run_is_refused(default_score_runs, tmp_path):
    folder = default_score_runs["unet_autoencoder"]
    with pytest.raises(InputError, match=r"is not a run: it has no configs/inference\.json"):
        AnomalyInferenceWorkflow(tmp_path)
    with pytest.raises(InputError, match="give bundle_root"):
        AnomalyInferenceWorkflow()
    with pytest.raises(ValueError, match=r"workflow_type must be one of .* got 'train'"):
        AnomalyInferenceWorkflow(folder, workflow_type="train")
    with pytest.raises(InputError, match=r"reads 'batch_sise' \(did you mean 'batch_size'\?\)"):
        opened(folder, batch_sise=3)
    copied = shutil.copytree(folder, tmp_path / "copied")
    (copied / "models" / "model.pt").unlink()
    with pytest.raises(InputError, match="no checkpoint at"):
        opened(copied)
