"""What must agree between configs is tested, not hoped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml
from monai.bundle import ConfigParser, ConfigWorkflow

from imgae_monai.transforms import ResizeKeepAspectd, ScoreDefinition
from tests.conftest import BUNDLES, REPO, SHARED

# the documented difference between the two models; everything else is equal
NETWORK = {"bundle_name", "preset", "network_def", "channels", "strides", "latent_size", "dropout"}
LOSS = {"loss", "reconstruction_loss", "auxiliary_weight", "corruptions"}
# two steps an iteration, each with a loss and an optimizer of its own
INTROSPECTIVE = {
    *("beta_rec", "beta_kl", "beta_neg", "gamma_r", "embedding_weight", "encoder_loss", "decoder_loss"),
    *("optimizer", "encoder_optimizer", "decoder_optimizer", "lr_scheduler", "state"),
    *("step_batch_size", "train#dataloader", "train#trainer"),
}
# restoring takes a higher rate, which falls to 0; the two steps' balance takes one that can go on for more epochs
SCHEDULE = {"learning_rate", "lr_schedule", "warmup_epochs", "lr_step"}
DIFFERENT = NETWORK | LOSS | INTROSPECTIVE | SCHEDULE
DEFAULT = {"unet_autoencoder": "restoration", "reversed_autoencoder": "introspective"}
KNOBS = [
    *("dataset_dir", "output_dir", "epochs", "batch_size", "learning_rate", "image_size", "latent_size", "device"),
    *("num_workers", "cache", "cache_rate", "cache_dir", "cache_dtype", "memory_budget", "seed", "amp", "preset"),
    *("amp_dtype", "compile", "channels_last"),
]


def config(bundle: str, name: str) -> dict:
    return json.loads((REPO / "bundles" / bundle / "configs" / name).read_text())


def by_id(config: dict) -> dict:
    """Its sections taken apart, where they are no components."""
    parts = {f"{key}#{name}": v for key, value in config.items() for name, v in _parts(value)}
    return {key: value for key, value in config.items() if not _parts(value)} | parts


def _parts(value) -> list:
    return list(value.items()) if isinstance(value, dict) and "trainer" in value and "handlers" in value else []


def preset(bundle: str, name: str) -> dict:
    return yaml.safe_load((REPO / "bundles" / bundle / "configs" / "presets" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", ["train", "inference", "evaluate", "deploy", "multi_gpu_train", "multi_gpu_evaluate"])
def test_the_two_bundles_differ_in_the_declared_ids_only(name):
    unet, reversed_ = (by_id(config(bundle, f"{name}.json")) for bundle in BUNDLES)
    differing = {key for key in unet.keys() | reversed_.keys() if unet.get(key) != reversed_.get(key)}
    expected = DIFFERENT & (unet.keys() | reversed_.keys())
    assert differing == expected


@pytest.mark.parametrize("bundle", BUNDLES)
def test_train_and_inference_agree_on_shared_ids(bundle):
    train, inference = config(bundle, "train.json"), config(bundle, "inference.json")
    # inference imports less, reads a folder of images instead of a study, and starts and runs something else
    own = {"imports", "dataset_dir", "initialize", "run"}
    assert inference["preprocessing"]["transforms"] == "@loading_transforms"
    exact = config(bundle, "evaluate.json")["validate#preprocessing"]["transforms"]
    assert exact == "$@loading_transforms + @plain_transforms"
    assert train["validate"]["preprocessing"]["transforms"] == f"{exact} + @fixed_corruption"
    trained_on = f"{exact} + @compact_transforms + @augmentation + @corruption"
    assert train["train"]["preprocessing"]["transforms"] == trained_on
    shared = (train.keys() & inference.keys()) - own
    assert len(shared) > 20
    assert {key: train[key] for key in shared} == {key: inference[key] for key in shared}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_evaluation_and_inference_score_alike(bundle):
    evaluate, inference = config(bundle, "evaluate.json"), config(bundle, "inference.json")
    assert evaluate["score_transforms"] == inference["score_transforms"]
    assert evaluate["calibration"] == inference["calibration"]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_regions_go_through_the_geometry_of_the_images(bundle):
    parser = ConfigParser(config(bundle, "train.json"))
    parser.update(config(bundle, "evaluate.json"))
    parser.update({"image_size": 24, "aspect": "crop"})
    of_images = [t for t in parser.get_parsed_content("loading_transforms") if isinstance(t, ResizeKeepAspectd)]
    assert len(of_images) == 1
    geometry = parser.get_parsed_content("geometry")
    assert vars(geometry) == vars(of_images[0].resizer)
    assert (geometry.spatial_size, geometry.method) == (24, "crop")


@pytest.mark.parametrize("bundle", BUNDLES)
def test_every_knob_is_one_named_id(bundle):
    train = config(bundle, "train.json")
    assert set(KNOBS) <= train.keys()
    text = json.dumps({k: v for k, v in train.items() if k not in KNOBS})
    unread = [knob for knob in KNOBS if f"@{knob}" not in text]
    assert unread == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_default_is_a_preset(bundle):
    train = config(bundle, "train.json")
    default = preset(bundle, DEFAULT[bundle])
    assert default == {key: train[key] for key in default}


@pytest.mark.parametrize(
    ("bundle", "one", "other"),
    [
        ("unet_autoencoder", "restoration", "reference"),
        ("unet_autoencoder", "restoration", "plain"),
        ("reversed_autoencoder", "introspective", "reference"),
        ("reversed_autoencoder", "plain_small", "plain"),
    ],
)
def test_presets_of_a_kind_set_the_same_ids(bundle, one, other):
    one, other = preset(bundle, one), preset(bundle, other)
    assert one.keys() == other.keys()
    assert all(one[key] == other[key] for key in one if isinstance(one[key], dict) or one[key] is None)


@pytest.mark.parametrize(("name", "like"), [("plain_small", "plain"), ("plain", "reference")])
def test_a_plain_reversed_autoencoder_is_trained_as_a_u_net(name, like):
    plain = {**config("reversed_autoencoder", "train.json"), **preset("reversed_autoencoder", name)}
    unet = {**config("unet_autoencoder", "train.json"), **preset("unet_autoencoder", like)}
    assert plain["train#trainer"] == unet["train"]["trainer"]
    for key in ("optimizer", "lr_scheduler", "state", "dropout", "epochs", *SCHEDULE):
        assert plain[key] == unet[key]
    assert plain["loss"] == unet["reconstruction_loss"]


def test_the_plain_presets_are_naive():
    """Images as they are, and the mean of absolute errors: what the defaults are to be measured against."""
    naive = {"clahe": False, "residual": "l1", "smoothing_sigma": 0.0, "z_score": False, "reduction": "mean"}
    for bundle, name in (
        ("unet_autoencoder", "plain"),
        *(("reversed_autoencoder", n) for n in ("plain", "plain_small")),
    ):
        train = {**config(bundle, "train.json"), **preset(bundle, name)}
        found = {key: train[key] for key in (*naive, "corruptions", "combine", "two_sided", "residual_clahe")}
        assert found == {**naive, "corruptions": [], "combine": [], "two_sided": False, "residual_clahe": False}


@pytest.mark.parametrize(
    ("bundle", "name", "n_parameters"),
    [
        ("unet_autoencoder", "reference", 54_986_305),
        ("reversed_autoencoder", "reference", 29_430_785),
        ("reversed_autoencoder", "plain", 272_717_697),
    ],
)
def test_presets_have_the_published_sizes(bundle, name, n_parameters):
    parser = ConfigParser({**config(bundle, "train.json"), **preset(bundle, name)})
    with torch.device("meta"):
        network = parser.get_parsed_content("network_def")
    assert sum(p.numel() for p in network.parameters()) == n_parameters


def test_the_reference_preset_weighs_as_the_paper():
    """Bercea et al. 2023."""
    train = {**config("reversed_autoencoder", "train.json"), **preset("reversed_autoencoder", "reference")}
    weights = [train[key] for key in ("beta_rec", "beta_kl", "beta_neg", "gamma_r", "embedding_weight")]
    assert weights == [0.5, 1.0, 128.0, 1e-8, 0.005]
    assert (train["batch_size"], train["learning_rate"], train["latent_size"]) == (8, 5e-5, 128)
    # their map holds CLAHE and smoothing itself
    assert (train["residual"], train["reduction"], train["clahe"]) == ("reversed", "mean", False)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_default_score_is_the_same_for_both(bundle):
    for name in ("train.json", "inference.json"):
        score = ConfigParser(config(bundle, name)).get_parsed_content("score")
        assert score.components == ("joint_gaussian",)


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize(
    ("reduction", "top_fraction"), [("top", 0.05), ("mean", ScoreDefinition.top_fraction), ("max", 0.01)]
)
def test_another_reduction_needs_no_other_top_fraction(bundle, reduction, top_fraction):
    """A fraction that has no effect is refused: the default must not be one."""
    parser = ConfigParser(config(bundle, "inference.json"))
    parser.update({"reduction": reduction})
    assert parser.get_parsed_content("score").top_fraction == top_fraction


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("epochs", [1, 2, 20])
def test_the_warm_up_is_shorter_than_any_training(bundle, epochs):
    parser = ConfigParser(config(bundle, "train.json"))
    parser.update({"epochs": epochs})
    assert 0 <= parser.get_parsed_content("warmup_epochs") < epochs


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize(("name", "kind"), [("train.json", "train"), ("inference.json", "inference")])
def test_monai_finds_every_property_of_a_bundle_without_weights(bundle, name, kind, phantoms, tmp_path):
    path = REPO / "bundles" / bundle / "configs" / name
    where = {"dataset_dir": str(phantoms), "bundle_root": str(tmp_path)}
    workflow = ConfigWorkflow(config_file=str(path), workflow_type=kind, logging_file=False, **where)
    workflow.initialize()
    assert workflow.check_properties() == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_state_names_the_handlers_that_it_means(bundle):
    train = config(bundle, "train.json")
    handlers = [h["_target_"] for h in train["train"]["handlers"]]
    assert handlers[1].endswith("ValidationEarlyStopHandler")
    assert handlers[2].endswith("TrainingRecord")
    assert [name.rsplit(".")[-1] for name in handlers].index("RunProgressBar") < handlers.index("StatsHandler")
    assert handlers[4].endswith("LearningRateHandler")
    assert train["state"]["early_stop"] == "@train#handlers#1"
    assert train["state"]["lr_scheduler"] == "@train#handlers#4"
    assert train["state"]["record"] == "@train#handlers#2"
    assert train["validate"]["handlers"][3]["_target_"].endswith("BestCheckpointSaver")
    assert train["state"]["best_saver"] == "@validate#handlers#3"
    assert train["state"]["resume"] == "@resume_state"
    # what is drawn or counted after a resume point was saved would be missing from it: it is the last of an epoch's end
    attached = [step for step in train["run"] if ".attach(" in step]
    assert attached[0] == "$@checkpoint_saver.attach(@train#trainer)"
    assert "@stop_signals.run, @train#trainer" in train["run"][train["run"].index(attached[-1]) + 1]


@pytest.mark.parametrize("bundle", BUNDLES)
def test_bundle_holds_no_python_and_names_targets_by_public_path(bundle):
    folder = REPO / "bundles" / bundle
    assert list(folder.rglob("*.py")) == []
    targets = [
        line.split('"')[3]
        for file in folder.glob("configs/*.json")
        for line in file.read_text().splitlines()
        if '"_target_"' in line and "imgae_monai" in line
    ]
    assert targets
    for target in targets:
        module, name = target.rsplit(".", 1)
        assert name in __import__(module, fromlist=["__all__"]).__all__


@pytest.mark.parametrize("bundle", BUNDLES)
def test_metadata_fits_monais_schema(bundle):
    jsonschema = pytest.importorskip("jsonschema")
    schema = SHARED / "data" / "monai" / "meta_schema_20240725.json"
    if not schema.is_file():
        pytest.skip(f"{schema} is absent")
    metadata = config(bundle, "metadata.json")
    jsonschema.validate(metadata, json.loads(schema.read_text()))
    assert metadata["version"] in metadata["changelog"]
    import imgae_monai

    assert metadata["required_packages_version"]["imgae_monai"] == imgae_monai.__version__


@pytest.mark.parametrize("bundle", BUNDLES)
def test_metadata_describes_the_default_network(bundle):
    metadata, parser = config(bundle, "metadata.json"), ConfigParser(config(bundle, "inference.json"))
    network = parser.get_parsed_content("network_def").eval()
    described = metadata["network_data_format"]["inputs"]["image"]
    image = torch.rand(1, described["num_channels"], *described["spatial_shape"])
    with torch.no_grad():
        out = network(image)
    expected = metadata["network_data_format"]["outputs"]["pred"]
    assert list(out.shape[1:]) == [expected["num_channels"], *expected["spatial_shape"]]
    assert float(out.min()) >= expected["value_range"][0]
    assert float(out.max()) <= expected["value_range"][1]


def test_package_and_bundles_carry_the_same_licence():
    texts = {Path(p).read_text() for p in [REPO / "LICENSE", *(REPO / "bundles").glob("*/LICENSE")]}
    assert len(texts) == 1
    assert "Apache License" in texts.pop()
