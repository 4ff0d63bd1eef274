"""The job in docs/nvflare, in NVFlare's simulator: a server and two sites, each a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import torch

from imgae_monai.fl import fed_avg
from imgae_monai.transforms import ScoreDefinition
from tests.conftest import REPO

pytest.importorskip("nvflare", reason="NVFlare is not installed: pip install 'imgae_monai[nvflare]'")

TINY = {"channels": [4, 8], "strides": [2], "latent_size": 2, "image_size": 16, "batch_size": 16, "device": "cpu"}
TINY |= {"tensorboard": False, "code_copies": 1}


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
