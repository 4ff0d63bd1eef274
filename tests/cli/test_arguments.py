"""Flags: refused when unknown, explained when asked, before anything slow is imported."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import time

import pytest

from imgae_monai.__main__ import COMMANDS, check_arguments, main
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES, REPO


def exit_code(*words) -> int:
    with pytest.raises(SystemExit) as e:
        main([str(word) for word in words])
    return e.value.code


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "no command 'trian': did you mean 'train'"),
        (["train", "unet_autoencoder", "--epoch", "3"], "no flag '--epoch' in train: did you mean 'epochs'"),
        (["train", "unet_autoencoder", "--epoch=3"], "did you mean 'epochs'"),
        (["train", "unet_autoencoder", "-e", "3"], "no flag '-e' in train"),
        (["train", "unet_autoencoder", "--epochs", "3"], "train needs --data, --output"),
        (["predict", "run", "a.png"], "predict needs --output"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(words, message, capsys):
    assert exit_code(*words) == 2
    assert message in capsys.readouterr().err


def test_known_words_pass():
    check_arguments(["train", "unet_autoencoder", "--data=x", "--output", "y", "--min_delta", "-1"], COMMANDS)
    check_arguments(["train", "--help"], COMMANDS)
    check_arguments([], COMMANDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "unet_autoencodre"], "no bundle 'unet_autoencodre'.*did you mean 'unet_autoencoder'"),
        (["train", "unet_autoencoder", "--preset", "smal"], "no preset 'smal'.*did you mean 'small'"),
        (
            ["train", "unet_autoencoder", "--set", "{'learnig_rate': 1}"],
            "no id 'learnig_rate'.*did you mean 'learning_rate'",
        ),
        (
            ["train", "unet_autoencoder", "--set", "{'train#dataloadr#shuffle': False}"],
            "no id 'train#dataloadr#shuffle'.*did you mean 'train#dataloader'",
        ),
        (["info", "unet"], "no bundle 'unet'.*did you mean 'unet_autoencoder'"),
        (["evaluate", "nowhere"], "nowhere is not a run"),
        (["train", "unet_autoencoder", "--image_size", "100"], "use 96 or 104 instead of 100"),
        (["train", "unet_autoencoder", "--residual", "ssmi"], "did you mean 'ssim'"),
        (["train", "unet_autoencoder", "--amp"], "amp works on CUDA only"),
        (["train", "unet_autoencoder", "--top_fraction", "2"], r"top_fraction must be in \(0, 1\], got 2"),
        (["train", "unet_autoencoder", "--specificity", "0.99"], "needs at least 100 normal validation images, got 24"),
    ],
)
def test_wrong_values_are_refused_before_training(words, message, phantoms, tmp_path, capsys):
    if words[0] == "train":
        words = [*words, "--data", phantoms, "--output", tmp_path / "run", "--device", "cpu"]
    assert exit_code(*words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.rglob("model.pt"))


def test_a_start_that_failed_does_not_block_the_next(train_tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", tmp_path / "run", "--residual", "l3")
    train_tiny("reversed_autoencoder", tmp_path / "run", "--residual", "l2", "--epochs", 1)
    assert (tmp_path / "run" / "models" / "calibration-l2-mean.pt").is_file()


def test_help_answers_within_a_second_and_loads_nothing_slow():
    start = time.perf_counter()
    shown = subprocess.run([sys.executable, "-m", "imgae_monai", "--help"], capture_output=True, text=True, check=True)
    assert time.perf_counter() - start < 1.0
    assert all(command in shown.stdout + shown.stderr for command in COMMANDS)
    code = "import sys, imgae_monai.__main__; print({'torch', 'monai', 'numpy', 'matplotlib'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_flag_is_explained(name):
    command = COMMANDS[name]
    explained = dict(re.findall(r"^ {8}(\w+): (.+)$", inspect.getdoc(command).replace("\n    ", "\n        "), re.M))
    assert explained.keys() == inspect.signature(command).parameters.keys()


def test_defaults_in_the_help_are_the_bundles_own():
    documented = dict(re.findall(r"(\w+): .* Default ([\w.]+?)\.?$", inspect.getdoc(COMMANDS["train"]), re.M))
    assert len(inspect.signature(COMMANDS["train"]).parameters) >= 20
    for bundle in BUNDLES:
        config = json.loads((REPO / "bundles" / bundle / "configs" / "train.json").read_text())
        for name, text in documented.items():
            value = config[name]
            value = value[0] if isinstance(value, list) else value
            assert text == ("none" if value is None else str(value).lower()), name
    assert len(documented) > 20


def test_merge_config_refuses_an_unknown_id():
    from imgae_monai.cli.bundle_config import merge_config

    with pytest.raises(InputError, match="no id 'epoch' in the bundle's config: did you mean 'epochs'"):
        merge_config([REPO / "bundles" / "unet_autoencoder" / "configs" / "train.json"], {"epoch": 1})
