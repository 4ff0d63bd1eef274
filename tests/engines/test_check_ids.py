from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from imgae_monai.engines import check_ids
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES, REPO

CONFIG = {
    "imports": ["$import torch"],
    "bundle_root": ".",
    "device": "cpu",
    "dataset_dir": "data",
    "epochs": 3,
    "picture": "plain",
    "settings": {"a": "@epochs", "b": 2},
    "net": {"_target_": "torch.nn.Linear", "in_features": 1, "bias": "$@picture == 'plain'"},
    "train": {
        "trainer": {"_target_": "Trainer", "settings": "@settings", "network": "@net"},
        "loader": {"_target_": "Loader", "n": 2},
        "stages": {"first": 1, "second": 2},
    },
    "initialize": ["$1"],
    "run": ["$@train#trainer.run(@train#loader, @train::stages::first + @train#stages#second)"],
    "run_again": ["$2"],
}


def config(**more) -> dict:
    parser = ConfigParser(copy.deepcopy(CONFIG))
    parser.update(more)
    return parser.get()


def test_a_config_whose_ids_are_all_read_passes():
    check_ids(config())
    check_ids(config(finalize=["$1"], run_third="$3", settings={"a": "$@epochs", "anything": 2}))


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("epoch", r"nothing in the config reads 'epoch' \(did you mean 'epochs'\?\)"),
        ("train#traner", r"reads 'train#traner' \(did you mean 'train#trainer'\?\)"),
        ("train#stages#third", "reads 'train#stages#third'"),
        ("dataset", "reads 'dataset' .did you mean 'dataset_dir'"),  # inference's, not training's
    ],
)
def test_an_id_that_nothing_reads_is_named_with_the_nearest(id, message):
    with pytest.raises(InputError, match=message):
        check_ids(config(**{id: 1}))


def test_a_mention_in_plain_text_is_no_reading():
    with pytest.raises(InputError, match="'unread'"):
        check_ids(config(unread=1, settings={"n": "@epochs", "text": "write to me@unread or @unread now"}))


def test_what_an_overlay_leaves_unread_can_be_allowed():
    with pytest.raises(InputError, match=r"'train#loader'.*, 'train#stages'"):
        check_ids(config(run=["$@train#trainer"]))
    check_ids(config(run=["$@train#trainer"]), unread=["train#loader", "train#stages"])


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("names", [["train"], ["train", "evaluate"], ["inference"]])
def test_a_misspelt_override_of_a_bundle_is_refused_before_anything_else(bundle, names, tmp_path):
    from monai.bundle import ConfigWorkflow

    files = [str(REPO / "bundles" / bundle / "configs" / f"{name}.json") for name in names]
    where = {"bundle_root": str(tmp_path), "batch_sise": 4, "dataset_dir": str(tmp_path / "gone")}
    workflow = ConfigWorkflow(config_file=files, logging_file=False, meta_file=None, workflow_type="infer", **where)
    workflow.initialize()
    with pytest.raises(RuntimeError) as e:
        workflow.run()
    assert str(e.value.__cause__).startswith("nothing in the config reads 'batch_sise' (did you mean 'batch_size'?)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bundle", BUNDLES)
def test_an_evaluation_allows_no_more_than_it_has_to(bundle):
    configs = REPO / "bundles" / bundle / "configs"
    evaluation = ConfigParser.load_config_files([configs / "train.json", configs / "evaluate.json"])
    parser = ConfigParser(evaluation)
    allowed = parser["of_training"]
    check_ids(parser.get(), allowed)
    for id in allowed:
        with pytest.raises(InputError, match=f"reads '{id}'"):
            check_ids(parser.get(), [other for other in allowed if other != id])


@pytest.mark.parametrize("bundle", BUNDLES)
def test_monais_own_tracking_reads_what_it_adds(bundle):
    from monai.bundle import ConfigWorkflow
    from monai.bundle.utils import DEFAULT_MLFLOW_SETTINGS

    parser = ConfigParser(ConfigParser.load_config_file(REPO / "bundles" / bundle / "configs" / "train.json"))
    settings = copy.deepcopy(DEFAULT_MLFLOW_SETTINGS)
    settings["configs"]["save_execute_config"] = False
    ConfigWorkflow.patch_bundle_tracking(parser, settings)
    assert "experiment_name" in parser
    check_ids(parser.get())


def test_an_id_whose_reader_was_replaced_is_set_to_null():
    config = {"loading_transforms": ["a component of one's own"], "run": ["$@loading_transforms"]}
    with pytest.raises(
        InputError, match="nothing in the config reads 'window'; if what read it was overridden, set it to null"
    ):
        check_ids({**config, "window": "auto"})
    check_ids({**config, "window": None})


def test_what_an_object_of_pythons_left_unread_is_logged(caplog):
    mine = {
        "imports": ["$import imgae_monai", "$import imgae_monai.engines"],
        "seen": "$imgae_monai.engines.config_as_run()",
        "window": 1,
    }
    parser = ConfigParser({**mine, "loading_transforms": [object()], "run": ["$@loading_transforms + [@seen]"]})
    check_ids(parser.get_parsed_content("seen"))
    assert "nothing in the config reads 'window': an object that was set from Python may" in caplog.text
    parser["loading_transforms"] = [torch.device("cpu"), Path("one")]  # values, in whose place nothing stood
    with pytest.raises(InputError, match="reads 'window'"):
        check_ids(parser.get_parsed_content("seen"))
