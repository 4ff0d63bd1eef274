from __future__ import annotations

import json

import pytest

from imgae_monai.exceptions import InputError

FIGURES = {
    **{"batch_size": 16, "predict_seconds": 0.25, "predict_mb": 99.6, "train_seconds": 0.5, "train_mb": 1234.5},
    **{"device": "cpu", "device_name": "a processor", "n_threads": 2, "n_repeats": [3, 3]},
}


@pytest.fixture
def measured(monkeypatch) -> list[dict]:
    """The configs that were measured, which takes no time."""
    configs = []

    def measure(config, device):
        configs.append({**config, "device": device})
        return {**FIGURES, "batch_size": config["batch_size"]}

    monkeypatch.setattr("imgae_monai.engines.measure_preset", measure)
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.9, 9.0, 9.0))
    monkeypatch.setattr("psutil.cpu_count", lambda: 2)
    return configs


def refused(cli, capsys, *words) -> str:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    assert e.value.code == 2
    return capsys.readouterr().err


def test_lists_presets_parameters_and_operations(cli, capsys, measured):
    cli("info")
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line.startswith("  ")}
    assert lines["reference"] == [
        "reference",
        "128",
        "16",
        "512",
        "54,986,305",
        "15.490",
    ]  # the last one's, the U-Net's
    assert lines["plain_small"] == ["plain_small", "64", "16", "16", "4,405,617", "0.066"]
    assert "272,717,697" in shown
    assert "29,430,785" in shown
    assert "a multiply-add as two" in shown
    assert measured == []


def test_measures_and_estimates_for_what_is_given(cli, capsys, measured, tmp_path):
    target = tmp_path / "presets.json"
    words = ("--preset", "restoration", "--image_size", 32, "--batch_size", 8, "--images", 100, "--json", target)
    cli("info", "unet_autoencoder", *words)
    shown = capsys.readouterr().out
    assert [(c["preset"], c["image_size"], c["batch_size"], c["device"]) for c in measured] == [
        ("restoration", 32, 8, "auto")
    ]
    (row,) = json.loads(target.read_text())
    assert row["estimated_seconds"] == 13 * 20 * 0.5  # 100 images make 13 batches, 20 epochs are the preset's
    line = next(line for line in shown.splitlines() if line.startswith("  restoration"))
    assert line.split()[6:] == ["32.0", "100", "0.500", "1234", "2.2", "min"]  # 8 images in a quarter of a second
    assert max(map(len, shown.replace(str(target), "").splitlines())) <= 120
    assert "ESTIMATE for 100 images and 20 epochs" in shown
    assert "measured on cpu (a processor), 2 thread(s)" in shown


def test_says_that_others_use_the_machine(cli, capsys, measured, monkeypatch):
    words = ("info", "unet_autoencoder", "--preset", "plain", "--measure")
    cli(*words)
    assert "alone it would be faster" not in capsys.readouterr().out
    monkeypatch.setattr("psutil.getloadavg", lambda: (6.66, 0.0, 0.0))
    cli(*words)
    assert "other programs run here (load 6.7 on 2 processors): alone it would be faster" in capsys.readouterr().out


def test_says_what_does_not_fit(cli, capsys, measured):
    cli("info", "unet_autoencoder", "--image_size", 30, "--measure")
    shown = capsys.readouterr().out
    assert shown.count("img_size (30, 30) should be divisible by") == 3
    assert measured == []


def test_a_preset_too_large_for_this_machine_is_listed_with_the_reason(cli, capsys, monkeypatch):
    def refuse(config, device):
        raise InputError("too large for this machine: it takes 17592.8 GB, 8.0 GB are available")

    monkeypatch.setattr("imgae_monai.engines.measure_preset", refuse)
    cli("info", "reversed_autoencoder", "--preset", "plain", "--image_size", 8192, "--measure")
    lines = capsys.readouterr().out.splitlines()
    (number,) = [n for n, line in enumerate(lines) if line.startswith("  plain")]
    # 512 * 1024^2 * (2 * 1024 + 1) parameters and some, counted without a byte of them
    assert lines[number].split()[4].startswith("1,100,05")
    assert lines[number + 1] == "    too large for this machine: it takes 17592.8 GB, 8.0 GB are available"
    assert "measured on" not in "".join(lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "restor"], "no preset 'restor': did you mean 'restoration'"),
        (["unet_autoencoder", "--preset", "introspective"], "no preset 'introspective'"),
        (["--images", "0"], "--images must be at least 1, got 0"),
        (["--image_size", "-4"], "--image_size must be at least 1, got -4"),
    ],
)
def test_words_that_make_no_sense_are_refused(cli, capsys, measured, words, message):
    assert message in refused(cli, capsys, "info", *words)
