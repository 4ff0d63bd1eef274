"""The bundles as the zoo's unit tests run its own: ``check_workflow`` over train, evaluate and inference.

Other tests run them by MONAI's commands (test_run.py) and load runs by its API (test_loaded_elsewhere.py). Here the
workflows go step by step, with the bundle's own metadata and logging, as in ``ci/unit_tests/`` of the zoo.
"""

from __future__ import annotations

import csv
import json
import shutil

import pytest
import torch
from monai.bundle import ConfigWorkflow

from tests.conftest import BUNDLES, REPO

TINY = {
    "unet_autoencoder": {"channels": [4, 8], "strides": [2]},
    "reversed_autoencoder": {"channels": [4, 8], "strides": [2, 2]},
}
TRAIN = {"epochs": 2, "batch_size": 8, "image_size": 16, "latent_size": 2, "tensorboard": False}


def check_workflow(workflow: ConfigWorkflow) -> None:
    """As the zoo's function of this name."""
    workflow.initialize()
    assert workflow.check_properties() == []
    workflow.run()
    workflow.finalize()


@pytest.mark.parametrize("bundle", BUNDLES)
def test_train_evaluate_infer(bundle, phantoms, tmp_path):
    root = shutil.copytree(REPO / "bundles" / bundle, tmp_path / bundle)
    network = {"image_size": 16, "latent_size": 2, **TINY[bundle]}

    def workflow(kind: str, *names: str, **overrides) -> ConfigWorkflow:
        return ConfigWorkflow(
            workflow_type=kind,
            config_file=[str(root / "configs" / f"{name}.json") for name in names],
            logging_file=str(root / "configs" / "logging.conf"),
            meta_file=str(root / "configs" / "metadata.json"),
            bundle_root=str(root),
            **{"device": "$imgae_monai.engines.choose_device('cpu')", **overrides},
        )

    study = {"dataset_dir": str(phantoms), **TRAIN, **network}
    check_workflow(workflow("train", "train", **study))
    weights = torch.load(root / "models" / "model.pt", weights_only=True)
    assert all(value.isfinite().all() for value in weights.values())
    record = json.loads((root / "eval" / "train.json").read_text())
    assert (record["epochs_run"], record["finished"]) == (2, True)

    check_workflow(workflow("train", "train", "evaluate", **study, n_bootstrap=10, no_model=False))
    metrics = json.loads((root / "eval" / "metrics.json").read_text())
    assert (metrics["n_normal"], metrics["n_abnormal"]) == (12, 12)

    images, out = phantoms / "test" / "abnormal", tmp_path / "out"
    check_workflow(workflow("infer", "inference", dataset_dir=str(images), output_dir=str(out), **network))
    with (root / "eval" / "scores.csv").open() as file:
        evaluated = {row["image"].rsplit("/")[-1]: float(row["score"]) for row in csv.DictReader(file)}
    with (out / "predictions.csv").open() as file:
        predicted = {row["image"].rsplit("/")[-1]: float(row["score"]) for row in csv.DictReader(file)}
    assert len(predicted) == 12
    assert predicted == pytest.approx({name: evaluated[name] for name in predicted})
