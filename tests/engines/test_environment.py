from __future__ import annotations

import json
import os

import pytest
import torch

from imgae_monai.engines import environment, git_state, versions


def test_says_what_the_same_numbers_depend_on():
    found = environment("cpu")
    assert found["versions"] == versions()
    assert found["git"] == git_state()
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["device_name"]
    assert json.loads(json.dumps(found)) == found


def test_the_number_of_threads_is_torchs():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert environment()["n_threads"] == 3
    finally:
        torch.set_num_threads(before)


def test_nothing_of_the_processs_environment_is_told(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-mine")
    assert "a-secret-of-mine" in os.environ.values()
    assert "a-secret-of-mine" not in json.dumps(environment())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_is_named():
    assert environment("cuda")["device_name"] == torch.cuda.get_device_name()
