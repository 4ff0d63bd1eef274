"""Flags: refused when unknown, explained when asked, before anything slow is imported."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
import time

import pytest

from imgae_monai.__main__ import COMMANDS, main
from imgae_monai.cli.arguments import check_arguments
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
        (["predict", "--output", "o"], "predict needs run"),
        (["data"], "data needs a second word: data check"),
        (["data", "--help"], "data needs a second word: data check"),
        (["data", "chek", "folder"], "no command 'data chek': did you mean 'data check'"),
        (["data", "check"], "data check needs data"),
        (["data", "check", "folder", "--fixlist", "x"], "no flag '--fixlist' in data check: did you mean 'fix_list'"),
        (["train", "unet_autoencoder", "extra", "--data", "d", "--output", "o"], "takes no further word 'extra'"),
        (["train", "unet_autoencoder", "--data", "my", "folder", "--output", "o"], "takes no further word 'folder'"),
        (["train", "unet_autoencoder", "--epochs", "--seed", "3"], "--epochs needs a value"),
        (["train", "unet_autoencoder", "--epochs", "ten"], "--epochs takes a whole number, got 'ten'"),
        (["train", "unet_autoencoder", "--dropout", "much"], "--dropout takes a number, got 'much'"),
        (["train", "unet_autoencoder", "--set", "foo"], "--set takes a dictionary"),
        (["train", "unet_autoencoder", "--set", "[1]"], "--set takes a dictionary"),
        (["predict", "run", "--overwrite", "b.png", "--output", "o"], "--overwrite takes true or false, got 'b.png'"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(words, message, capsys):
    assert exit_code(*words) == 2
    assert message in capsys.readouterr().err


def test_known_words_pass():
    words = ["train", "unet_autoencoder", "--data=x", "--output", "y", "--min_delta", "-1", "--overwrite"]
    read = ["train", "unet_autoencoder", "--data=x", "--output=y", "--min_delta=-1.0", "--overwrite=True"]
    assert check_arguments(words, COMMANDS) == read
    assert check_arguments(["train", "--data", "x", "--help"], COMMANDS) == ["train", "--help"]
    assert check_arguments([], COMMANDS) == []


def test_a_command_may_have_two_words():
    words = ["data", "check", "folder", "--fix-list", "a.json"]
    assert check_arguments(words, COMMANDS) == ["data check", "folder", "--fix_list=a.json"]
    assert check_arguments(["data", "check", "--help"], COMMANDS) == ["data check", "--help"]


@pytest.mark.parametrize(
    ("text", "value"), [("false", False), ("False", False), ("no", False), ("0", False), ("1", True)]
)
def test_a_switch_means_what_it_says(text, value, monkeypatch):
    called = {}
    monkeypatch.setattr("imgae_monai.__main__.COMMANDS", {"go": _recorder(called)})
    main(["go", "1e3", "--switch", text, "--name=a,b", "--count", "3"])
    assert called == {"word": "1e3", "switch": value, "name": "a,b", "count": 3}


def _recorder(called: dict):
    def go(word: str, *, switch: bool = False, name: str = "", count: int = 0) -> None:
        """Record.

        Args:
            word: a word.
            switch: a switch.
            name: a name.
            count: a number.
        """
        called.update(word=word, switch=switch, name=name, count=count)

    return go


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "unet_autoencodre"], "no bundle 'unet_autoencodre'.*did you mean 'unet_autoencoder'"),
        (["train", "unet_autoencoder", "--preset", "plan"], "no preset 'plan'.*did you mean 'plain'"),
        (
            ["train", "unet_autoencoder", "--set", "{'learnig_rate': 1}"],
            "no id 'learnig_rate'.*did you mean 'learning_rate'",
        ),
        (
            ["train", "unet_autoencoder", "--set", "{'train#dataloadr#shuffle': False}"],
            "no id 'train#dataloadr#shuffle'.*did you mean 'train#dataloader'",
        ),
        (["train", "unet_autoencoder", "--set", "{'ckpt_dir': '/x'}"], "--set can't change ckpt_dir"),
        (["info", "unet"], "no bundle 'unet'.*did you mean 'unet_autoencoder'"),
        (["evaluate", "nowhere"], "nowhere is not a run"),
        (["train", "unet_autoencoder", "--image_size", "100"], "use 96 or 104 instead of 100"),
        (["train", "unet_autoencoder", "--residual", "ssmi"], "did you mean 'ssim'"),
        (
            ["train", "unet_autoencoder", "--amp", "--amp_dtype", "float16", "--device", "cpu"],
            "float16 works on CUDA only",
        ),
        (["train", "unet_autoencoder", "--device", "gpu"], "no device 'gpu'"),
        (["train", "unet_autoencoder", "--device", "mps"], "device mps is not to be had: "),
        (["train", "unet_autoencoder", "--patient_pattern", "("], "is not a regular expression"),
        (["train", "unet_autoencoder", "--epochs", "1", "--val_interval", "2"], "val_interval must be between 1 and"),
        (["train", "unet_autoencoder", "--accumulation_steps", "0"], "accumulation_steps must be at least 1, got 0"),
        (["train", "unet_autoencoder", "--optimizer_name", "adma"], "did you mean .adam"),
        (["train", "unet_autoencoder", "--lr_schedule", "cosinus"], "did you mean .cosine"),
        (["train", "unet_autoencoder", "--epochs", "2", "--warmup_epochs", "2"], "warmup_epochs must be 0 or more and"),
        (["train", "unet_autoencoder", "--max_grad_norm", "0"], "max_grad_norm must be above 0"),
        (["train", "unet_autoencoder", "--n_saved", "1"], "n_saved must be at least 2, got 1"),
        (["train", "unet_autoencoder", "--top_fraction", "2"], r"top_fraction must be in \(0, 1\], got 2"),
        (
            ["train", "unet_autoencoder", "--reduction", "mean", "--top_fraction", "0.5"],
            "has no effect with reduction 'mean'",
        ),
        (["train", "unet_autoencoder", "--specificity", "0.99"], "needs at least 100 normal validation images, got 24"),
    ],
)
def test_wrong_values_are_refused_before_training(words, message, phantoms, tmp_path, capsys):
    if words[0] == "train":
        words = [*words, "--data", phantoms, "--output", tmp_path / "run"]
        words += [] if "--device" in words else ["--device", "cpu"]
    assert exit_code(*words) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.rglob("model.pt"))


def test_a_start_that_failed_does_not_block_the_next(train_tiny, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", tmp_path / "run", "--residual", "l3")
    train_tiny("reversed_autoencoder", tmp_path / "run", "--residual", "l2", "--epochs", 1)
    assert (tmp_path / "run" / "models" / "calibration-l2-mean.pt").is_file()


def test_help_answers_within_a_second_and_loads_nothing_slow():
    seconds = []
    for _ in range(3):  # the machine may be busy
        start = time.perf_counter()
        command = [sys.executable, "-m", "imgae_monai", "--help"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0
    assert all(name in shown.stdout + shown.stderr for name in COMMANDS)
    code = "import sys, imgae_monai.__main__; print({'torch', 'monai', 'numpy', 'matplotlib'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_flag_is_explained(name):
    command = COMMANDS[name]
    explained = dict(re.findall(r"^ {8}(\w+): (.+)$", inspect.getdoc(command).replace("\n    ", "\n        "), re.M))
    parameters = inspect.signature(command).parameters
    assert explained.keys() == parameters.keys()
    for key, parameter in parameters.items():
        if parameter.default is not parameter.empty:
            assert "efault" in explained[key], key


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_the_example_of_set_is_an_id(name):
    from imgae_monai.cli.bundle_config import merge_config

    example = re.search(r"\"(\{'.*\})\"", inspect.getdoc(COMMANDS[name])).group(1)
    for bundle in BUNDLES:
        merge_config([REPO / "bundles" / bundle / "configs" / "train.json"], ast.literal_eval(example))


def test_defaults_in_the_help_are_the_bundles_own():
    from monai.bundle import ConfigParser

    line = r"(\w+): .* Default ([\w.,]+?)(?:, of reversed_autoencoder ([\w.]+?))?[.;]?$"
    documented = re.findall(line, inspect.getdoc(COMMANDS["train"]), re.M)
    assert len(inspect.signature(COMMANDS["train"]).parameters) >= 20
    for bundle in BUNDLES:
        config = ConfigParser(json.loads((REPO / "bundles" / bundle / "configs" / "train.json").read_text()))
        for name, text, of_reversed in documented:
            # of a network without dropout there is none
            value = config.get_parsed_content(name) if name in config else None
            value = (",".join(value) or None) if isinstance(value, list) else value
            expected = of_reversed or text if bundle == "reversed_autoencoder" else text
            assert expected == ("none" if value is None else str(value).lower()), name
    assert len(documented) > 20


def test_merge_config_refuses_an_unknown_id():
    from imgae_monai.cli.bundle_config import merge_config

    with pytest.raises(InputError, match="no id 'epoch' in the bundle's config: did you mean 'epochs'"):
        merge_config([REPO / "bundles" / "unet_autoencoder" / "configs" / "train.json"], {"epoch": 1})
