"""The job in docs/nvflare, in NVFlare's simulator: a server and two sites, each a process of its own."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from types import ModuleType

import pytest
import torch

from imgae_monai.fl import fed_avg
from imgae_monai.transforms import ScoreDefinition
from tests.conftest import REPO

pytest.importorskip("nvflare", reason="NVFlare is not installed: pip install 'imgae_monai[nvflare]'")

TINY = {"channels": [4, 8], "strides": [2], "latent_size": 2, "image_size": 16, "batch_size": 16, "device": "cpu"}
TINY |= {"tensorboard": False, "code_copies": 1}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPO / "docs" / "nvflare" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("words", [["--data", "{}/a b"], ["--overrides", "{}/my ids.json"], ["--workspace", "{}/a\tb"]])
def test_a_path_with_blanks_is_refused(words, tmp_path, monkeypatch, capsys):
    given = ["--workspace", str(tmp_path / "new"), *(word.format(tmp_path) for word in words)]
    monkeypatch.setattr(sys, "argv", ["job.py", *given])
    with pytest.raises(SystemExit):
        script("job").main()
    assert "NVFlare takes no blanks in a path" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_is_there_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["job.py", "--workspace", str(tmp_path)])
    with pytest.raises(SystemExit):
        script("job").main()
    assert f"--workspace {tmp_path} is there already: name a folder that is not" in capsys.readouterr().err


def test_a_site_takes_no_bundle_from_elsewhere_and_no_low_bound(monkeypatch, capsys):
    client = script("client")
    words = ["--data", "a", "--run", "b", "--rounds", "1", "--bundle"]
    assert client.read_settings([*words, "unet_autoencoder"]).fewest == 20
    with pytest.raises(SystemExit):
        client.read_settings([*words, str(REPO / "bundles" / "unet_autoencoder")])
    assert "invalid choice" in capsys.readouterr().err
    low = [*words, "unet_autoencoder", "--fewest", "19"]
    with pytest.raises(SystemExit):
        client.read_settings(low)
    assert "--fewest must be at least 20, got 19: sums of few patients" in capsys.readouterr().err
    monkeypatch.setenv("IMGAE_MONAI_FEWEST", "19")
    assert client.read_settings(low).fewest == 19


def test_two_sites_train_three_rounds_and_calibrate(tmp_path):
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    workspace = tmp_path / "federation"
    command = [sys.executable, str(REPO / "docs" / "nvflare" / "job.py"), "--workspace", str(workspace)]
    # a process that hangs ends the test, not the whole run
    ended = subprocess.run(
        [*command, "--overrides", str(tmp_path / "tiny.json")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said[-4000:]
    first, second = re.search(r"thresholds of the sites: \[(.+), (.+)\]", said).groups()
    assert first == second
    states = []
    for site in ("site-1", "site-2"):
        run = workspace / "sites" / site
        record = json.loads((run / "train.json").read_text())
        assert record["finished"]
        assert [epoch for epoch, _ in record["train_loss"]] == [1, 2, 3]
        assert record["calibration"]["threshold"] == float(first)
        assert record["calibration"]["n_images"] == 40
        score = ScoreDefinition(**record["calibration"]["score"])
        assert (run / "models" / f"calibration-{score.name}.pt").is_file()
        paths = [run / "models" / f"{name}.pt" for name in ("model_final", "model")]
        states.append([torch.load(path, weights_only=True) for path in paths])
    # what NVFlare's FedAvg makes of the last round is what fed_avg makes of it
    expected = fed_avg([last for last, _ in states], [48, 24])
    for _, averaged in states:
        for name, value in expected.items():
            if value.is_floating_point():
                torch.testing.assert_close(averaged[name], value)
