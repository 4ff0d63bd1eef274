"""What a preset takes, counted and measured."""

from __future__ import annotations

import math

import pytest
import torch
from monai.bundle import ConfigParser
from torch import nn

from imgae_monai.cli import bundle_config as bc
from imgae_monai.engines import IntrospectiveStep, forward_flops, measure_preset, preset_cost
from imgae_monai.engines.model_cost import run_child
from imgae_monai.engines.training_step import SupervisedStep
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES, REPO

PRESETS = [(bundle, name) for bundle in BUNDLES for name in bc.preset_names(REPO / "bundles" / bundle)]


def config(bundle: str, preset: str, **overrides) -> dict:
    configs = REPO / "bundles" / bundle / "configs"
    return bc.merge_config([configs / "train.json", configs / "presets" / f"{preset}.yaml"], overrides)


def test_operations_are_those_counted_by_hand():
    layers = [
        nn.Conv2d(1, 3, kernel_size=3, stride=2, padding=1),  # 8 x 8 to 4 x 4
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.ConvTranspose2d(3, 2, kernel_size=2, stride=2),  # 4 x 4 to 8 x 8
        nn.Flatten(),
        nn.Linear(128, 10),
    ]
    by_hand = 2 * (9 * 1 * 3 * 16 + 4 * 3 * 2 * 16 + 128 * 10)
    assert forward_flops(nn.Sequential(*layers), (1, 8, 8)) == by_hand


@pytest.mark.parametrize(("bundle", "preset"), PRESETS)
def test_operations_of_a_preset_are_those_of_its_layers(bundle, preset):
    parser = ConfigParser(config(bundle, preset))
    with torch.device("meta"):
        network = parser.get_parsed_content("network_def")
    counted = []

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        # of a transposed convolution each pixel of the input meets every weight, else each of the output
        pixels = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        places = math.prod(pixels.shape[2:]) if layer.weight.ndim == 4 else 1
        counted.append(2 * layer.weight.numel() * places)

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(count)
    size = parser["image_size"]
    assert forward_flops(network, (1, size, size)) == sum(counted) > 1e7


@pytest.mark.parametrize(
    ("bundle", "preset", "kind"),
    [
        ("unet_autoencoder", "restoration", SupervisedStep),
        ("reversed_autoencoder", "plain_small", SupervisedStep),
        ("reversed_autoencoder", "introspective", IntrospectiveStep),
    ],
)
def test_a_step_is_the_presets_own(bundle, preset, kind):
    assert type(preset_cost._training_step(ConfigParser(config(bundle, preset)))) is kind


def test_time_and_memory_are_measured_in_a_process_of_its_own():
    ballast = torch.ones(100_000_000)  # 400 MB of ours, which are not the child's
    small = {"batch_size": 2, "channels": [4, 8, 8, 8]}
    found = measure_preset(config("reversed_autoencoder", "plain_small", hidden_size=4096, **small), "cpu", 0.0)
    weights = 4 * 2 * (512 * 4096 + 4096 * 16) / 1e6  # MB of the fully connected layers: 17
    assert (found["batch_size"], found["device"], found["n_repeats"]) == (2, "cpu", [3, 3])
    assert weights < found["predict_mb"] < found["train_mb"] < ballast.nbytes / 1e6
    assert found["train_mb"] > 4 * weights
    assert 0 < found["predict_seconds"] < found["train_seconds"]


def test_a_preset_that_does_not_fit_is_said_to_be_too_large(monkeypatch):
    monkeypatch.setattr(preset_cost, "available_memory", lambda: 4_000_000_000)
    message = r"too large for this machine: .* take 4\.4 GB, 4\.0 GB are available"
    with pytest.raises(InputError, match=message):  # 16 bytes of each of 272,717,697
        preset_cost._measure(config("reversed_autoencoder", "plain"), torch.device("cpu"), 0.0)
    monkeypatch.setattr("imgae_monai.engines.batch_size.available_memory", lambda: 50_000_000)
    monkeypatch.setattr(preset_cost, "available_memory", lambda: 50_000_000)
    with pytest.raises(InputError, match=r"a step with batch_size 16 takes at least 0\.\d+ GB, 0\.05 GB are available"):
        preset_cost._measure(config("unet_autoencoder", "restoration"), torch.device("cpu"), 0.0)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.kill(os.getpid(), 9)", "the system killed its process, most likely for lack of memory"),
        ("import sys; sys.exit('first line\\nlast line')", "^last line$"),
        ("raise SystemExit(3)", "its process ended with 3"),
    ],
)
def test_how_a_child_failed_is_said_in_a_line(program, message):
    with pytest.raises(InputError, match=message):
        run_child([program])


def test_what_a_child_prints_last_is_read():
    assert run_child(["import sys; print('noise'); print(sys.stdin.read())"], '{"a": 1}') == {"a": 1}
