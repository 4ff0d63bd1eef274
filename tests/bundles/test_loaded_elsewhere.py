"""A run as others load it: by MONAI's public API alone, from a folder that has nothing to do with it.

Whatever the way, an image gets the score that ``imgae-monai predict`` gives it.
"""

from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, create_workflow, load, run
from monai.data import Dataset, decollate_batch, list_data_collate
from monai.inferers import SimpleInferer

from imgae_monai.data import read_image
from tests.conftest import BUNDLES, REPO


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def images(phantoms, tmp_path_factory) -> Path:
    """A folder of three images: one batch, since a batch of another size may differ in the last bits."""
    folder = tmp_path_factory.mktemp("images")
    for path in sorted((phantoms / "test" / "abnormal").iterdir())[:3]:
        shutil.copyfile(path, folder / path.name)
    return folder


@pytest.fixture(scope="module")
def told(cli, default_score_runs, images, tmp_path_factory) -> dict[str, dict[str, float]]:
    """The scores that the command line gives, by bundle and image."""
    found = {}
    for bundle, folder in default_score_runs.items():
        output = tmp_path_factory.mktemp(f"told_{bundle}")
        cli("predict", folder, images, "--output", output, "--device", "cpu")
        found[bundle] = scores(output)
    return found


def scores(output: Path) -> dict[str, float]:
    with open(output / "predictions.csv", newline="") as f:
        return {row["image"]: float(row["score"]) for row in csv.DictReader(f)}


def workflow_of(folder: Path, images: Path, **overrides) -> ConfigWorkflow:
    where = {"bundle_root": str(folder), "dataset_dir": str(images), "output_dir": "predicted", "device": "cpu"}
    return ConfigWorkflow(
        config_file=str(folder / "configs" / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        **{**where, **overrides},
    )


def run_again(workflow: ConfigWorkflow) -> dict[str, float]:
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return scores(Path("predicted"))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_load_gives_the_trained_network_ready_to_reconstruct(bundle, default_score_runs, images):
    folder = default_score_runs[bundle]
    where = {"name": folder.name, "bundle_dir": str(folder.parent), "source": "github", "workflow_type": "inference"}
    network = load(**where, net_override={"spatial_dims": 2})
    assert not network.training
    parser = ConfigParser(json.loads((folder / "configs" / "inference.json").read_text()))
    expected = parser.get_parsed_content("network_def").eval()
    expected.load_state_dict(torch.load(folder / "models" / "model.pt", weights_only=True))
    image = torch.from_numpy(read_image(sorted(images.iterdir())[0]))[None, None]
    with torch.no_grad():
        assert torch.equal(network(image), expected(image))
    given = load(**where, model=parser.get_parsed_content("network_def", instantiate=True))
    assert torch.equal(given(image), network(image))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_workflow_scores_as_the_command_line(bundle, default_score_runs, images, told):
    folder = default_score_runs[bundle]
    workflow = create_workflow(
        config_file=str(folder / "configs" / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        bundle_root=str(folder),
        dataset_dir=str(images),
        output_dir="predicted",
    )
    assert workflow.check_properties() == []
    workflow.run()
    assert scores(Path("predicted")) == told[bundle]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_run_takes_an_overlay_by_its_full_path(bundle, default_score_runs, images, told, tmp_path):
    folder = default_score_runs[bundle]
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "mine.yaml").write_text(f"dataset_dir: {images}\noutput_dir: predicted\n")
    files = [str(folder / "configs" / "inference.json"), str(tmp_path / "overlay" / "mine.yaml")]
    run(config_file=files, bundle_root=str(folder), logging_file=False)
    assert scores(Path("predicted")) == told[bundle]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_properties_can_be_set_one_after_the_other(bundle, default_score_runs, images, told):
    workflow = workflow_of(default_score_runs[bundle], Path("nowhere"))
    workflow.dataset_dir = str(images)
    assert run_again(workflow) == told[bundle]
    workflow.device = torch.device("cpu")
    workflow.inferer = SimpleInferer()
    assert run_again(workflow) == told[bundle]
    workflow.add_property("output_dir", required=True, config_id="output_dir")
    workflow.output_dir = "other"
    workflow.initialize()
    workflow.run()
    assert scores(Path("other")) == told[bundle]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_objects_of_ones_own_take_the_place_of_components(bundle, default_score_runs, images, told, caplog):
    folder = default_score_runs[bundle]
    workflow = workflow_of(folder, Path("nowhere"))
    workflow.initialize()
    network = ConfigParser(workflow.parser.get()).get_parsed_content("network_def")
    files = [{"image": str(path), "image_path": str(path)} for path in sorted(images.iterdir())]
    preprocessing = workflow.preprocessing
    workflow.preprocessing = preprocessing  # the map goes back through the very transforms that the image came by
    workflow.dataset = Dataset(files, transform=preprocessing)
    workflow.network_def = network
    with caplog.at_level(logging.WARNING, logger="imgae_monai"):
        assert run_again(workflow) == told[bundle]
    warned = [record.getMessage() for record in caplog.records if "loading_transforms" in record.getMessage()]
    assert len(warned) == 1
    assert warned[0].endswith("an object that was set from Python may have replaced what did")
    assert workflow.evaluator.network is network


def test_handlers_of_ones_own_write_nothing(default_score_runs, images, told):
    bundle = BUNDLES[0]
    workflow = workflow_of(default_score_runs[bundle], images)
    workflow.handlers = workflow.parser["handlers"][:1]  # the loader of the weights
    workflow.initialize()
    workflow.run()
    assert [float(item["score"]) for item in workflow.evaluator.state.output] == list(told[bundle].values())
    assert not Path("predicted").exists()


@pytest.mark.parametrize("bundle", BUNDLES)
def test_parts_of_a_config_make_the_same_score(bundle, default_score_runs, images, told):
    folder = default_score_runs[bundle]
    parser = ConfigParser()
    parser.read_config(folder / "configs" / "inference.json")
    parser["bundle_root"] = str(folder)
    parser["device"] = "cpu"
    network = parser.get_parsed_content("network").eval()
    network.load_state_dict(torch.load(folder / "models" / "model.pt", weights_only=True))
    preprocessing, postprocessing = (parser.get_parsed_content(id) for id in ("preprocessing", "postprocessing"))
    inferer = parser.get_parsed_content("inferer")
    paths = list(told[bundle])
    batch = list_data_collate([preprocessing({"image": path}) for path in paths])
    with torch.no_grad():
        batch["pred"] = inferer(batch["image"], network)
    found = [postprocessing(item) for item in decollate_batch(batch)]
    assert [float(item["score"]) for item in found] == [told[bundle][path] for path in paths]
    assert [item["anomaly_map"].shape[1:] for item in found] == [read_image(path).shape for path in paths]
    residual = parser.get_parsed_content("residual_transforms")[0]
    assert residual({"image": batch["image"][0], "pred": batch["pred"][0]})["anomaly_map"].shape == (1, 32, 32)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize(("name", "kind"), [("train", "train"), ("inference", "inference")])
def test_a_bundle_without_weights_can_be_taken_apart(bundle, name, kind):
    folder = REPO / "bundles" / bundle
    file = str(folder / "configs" / f"{name}.json")
    workflow = create_workflow(config_file=file, workflow_type=kind, logging_file=False, bundle_root=str(folder))
    assert isinstance(workflow.network_def, torch.nn.Module)
    assert workflow.network_def.training == (kind == "train")
    assert Path(workflow.bundle_root) == folder


@pytest.mark.parametrize("bundle", BUNDLES)
def test_who_forgets_the_bundle_root_is_told(bundle, default_score_runs, images, tmp_path):
    workflow = workflow_of(default_score_runs[bundle], images, bundle_root=".")
    workflow.initialize()
    with pytest.raises(RuntimeError) as e:
        workflow.run()
    assert str(e.value.__cause__) == (
        f"no checkpoint at ./models/model.pt in {tmp_path} (bundle_root says where else): train first, or give the "
        "folder of a finished run"
    )
    assert not Path("predicted").exists()
