"""A network that learns its variance, through the commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.report import load_evaluation
from imgae_monai.report.rerun import EvaluatedNetwork

OF_IT = ("--learned_variance", True, "--residual", "likelihood", "--picture_interval", 1)


@pytest.fixture(scope="module", params=["unet_autoencoder", "plain_small"])
def run(request, train_tiny, cli, phantoms, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("variance") / request.param
    if request.param == "unet_autoencoder":
        return train_tiny("unet_autoencoder", output, *OF_IT)
    small = "{'channels': [4, 8, 8], 'strides': [1, 2, 2], 'hidden_size': 16}"
    size = ("--image_size", 32, "--latent_size", 4, "--batch_size", 8, "--device", "cpu", "--epochs", 2, "--set", small)
    words = ("train", "reversed_autoencoder", "--preset", "plain_small", "--data", phantoms, "--output", output)
    cli(*words, *size, *OF_IT)
    return output


def test_scores_are_the_first_term_of_the_loss(cli, run, phantoms, tmp_path):
    """By hand, from the weights."""
    config = json.loads((run / "configs" / "inference.json").read_text())
    parser = ConfigParser({**config, "bundle_root": str(run), "dataset_dir": str(phantoms / "test" / "abnormal")})
    network, data = parser.get_parsed_content("network_def").eval(), parser.get_parsed_content("dataset")
    network.load_state_dict(torch.load(run / "models" / "model.pt", weights_only=True))
    images = torch.stack([torch.as_tensor(item["image"]) for item in data])
    with torch.no_grad():
        mean, unit = network(images).split(1, dim=1)
    expected = (torch.exp(10 - 10 * unit) * (images - mean).square()).mean(dim=(1, 2, 3)).tolist()
    cli("predict", run, phantoms / "test" / "abnormal", "--output", tmp_path / "out")
    with open(tmp_path / "out" / "predictions.csv", newline="") as file:
        found = [float(row["score"]) for row in csv.DictReader(file)]
    assert found == pytest.approx(expected, rel=1e-5)


def test_evaluation_shows_the_reconstruction(cli, run, tmp_path):
    cli("evaluate", run, "--n_bootstrap", 10, "--no_model", False, "--output", tmp_path)
    metrics, evaluation = json.loads((tmp_path / "metrics.json").read_text()), load_evaluation(tmp_path)
    assert (tmp_path / "examples.png").is_file()
    network = EvaluatedNetwork(metrics, run)
    (look,) = network.look(evaluation.images[:1], evaluation.labels[:1], evaluation.scores[:1])
    with torch.no_grad():
        given = network.network(look.image[None])[0]
    assert given.shape == (2, 32, 32)
    torch.testing.assert_close(look.reconstruction, given[:1])


def test_pictures_are_drawn_while_it_trains(run):
    (folder,) = {path.parent for path in (run / "tensorboard").rglob("events.out.tfevents.*")}
    events = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
    assert [event.step for event in events.Images("watch/pictures")] == [1, 2]
    assert np.isfinite(json.loads((run / "train.json").read_text())["best_val_loss"])


@pytest.mark.parametrize(
    ("bundle", "flags", "said"),
    [
        (
            "unet_autoencoder",
            ("--residual", "likelihood"),
            "residual likelihood takes --learned_variance",
        ),
        ("unet_autoencoder", ("--residual", "disagreement"), "residual disagreement takes --ensemble 2 or more, got 1"),
        ("unet_autoencoder", ("--combine", "l1-mean,likelihood-mean"), "residual likelihood takes --learned_variance"),
        ("reversed_autoencoder", ("--learned_variance", True), "learned_variance is not for introspective training"),
    ],
)
def test_what_can_not_be_is_refused_before_training(bundle, flags, said, train_tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_tiny(bundle, tmp_path / "run", *flags)
    assert f"error: {said}" in capsys.readouterr().err
    assert not list((tmp_path / "run").rglob("*.pt"))
