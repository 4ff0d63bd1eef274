"""The plain presets of the reversed autoencoder train another network another way; all commands go on from there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from imgae_monai.report.rerun import EvaluatedNetwork
from tests.bundles.test_run import monai_run
from tests.conftest import REPO

BUNDLE = "reversed_autoencoder"
TINY = ("--image_size", 16, "--latent_size", 2, "--batch_size", 8, "--device", "cpu", "--epochs", 1)


@pytest.fixture(scope="module")
def plain(cli, phantoms, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "plain"
    sizes = "{'channels': [4, 8], 'strides': [1, 2], 'hidden_size': 8}"
    # unlike a cosine it can be given more epochs
    flags = (*TINY, "--dropout", 0.3, "--preset", "plain_small", "--lr_schedule", "step", "--set", sizes)
    cli("train", BUNDLE, "--data", phantoms, "--output", run, *flags)
    return run


def test_a_plain_preset_goes_the_whole_way(cli, plain, phantoms, tmp_path):
    record = json.loads((plain / "train.json").read_text())
    assert record["preset"] == "plain_small"
    assert "train_terms" not in record
    inference = json.loads((plain / "configs" / "inference.json").read_text())
    assert (inference["hidden_size"], inference["dropout"]) == (8, 0.3)  # which only the preset has
    cli("evaluate", plain, "--n_bootstrap", 10)
    cli("predict", plain, phantoms / "test" / "normal", "--output", tmp_path / "predicted")
    scores = (tmp_path / "predicted" / "predictions.csv").read_text().splitlines()
    assert len(scores) == 13
    cli("calibrate", plain, "--residual", "l2")
    metrics = json.loads((plain / "metrics.json").read_text())
    assert EvaluatedNetwork(metrics, plain).encode(
        [str(p) for p in (phantoms / "test" / "normal").iterdir()]
    ).shape == (
        12,
        2,
    )
    cli("train", BUNDLE, "--data", phantoms, "--output", plain, "--preset", "plain_small", "--resume", "--epochs", 2)
    assert json.loads((plain / "train.json").read_text())["epochs_run"] == 2


@pytest.mark.parametrize("flag", [("--amp",), ("--compile",), ("--accumulation_steps", 2)])
def test_introspective_training_refuses_what_it_can_not_do(flag, train_tiny, capsys, tmp_path):
    with pytest.raises(SystemExit) as e:
        train_tiny(BUNDLE, tmp_path / "run", *flag)
    assert e.value.code == 2
    assert f"knows no {flag[0].removeprefix('--')}" in capsys.readouterr().err
    assert not (tmp_path / "run" / "train.json").exists()


def test_codes_of_a_variational_network_are_its_means(cli, runs, phantoms, tmp_path):
    run = shutil.copytree(runs[BUNDLE], tmp_path / "run")
    cli("evaluate", run, "--n_bootstrap", 10)
    network = EvaluatedNetwork(json.loads((run / "metrics.json").read_text()), run)
    images = [str(path) for path in sorted((phantoms / "test" / "normal").iterdir())]
    seen: list[torch.Tensor] = []
    encode = network.network.encode
    network.network.encode = lambda x: seen.append(encode(x)[0]) or encode(x)
    np.testing.assert_allclose(network.encode(images), torch.cat(seen).numpy(), atol=1e-6)


def test_a_plain_preset_is_an_overlay_under_monai(phantoms, tmp_path):
    folder = shutil.copytree(REPO / "bundles" / BUNDLE, tmp_path / "bundle")
    sizes = ["--channels", "[4,8]", "--strides", "[1,2]", "--hidden_size", 8, "--image_size", 16, "--latent_size", 2]
    words = ["--config_file", "['configs/train.json','configs/presets/plain_small.yaml']", "--dataset_dir", phantoms]
    trained = monai_run(folder, *words, *sizes, "--epochs", 1)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((folder / "eval" / "train.json").read_text())["preset"] == "plain_small"
