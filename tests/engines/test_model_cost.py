"""What a network costs, in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgae_monai.engines import measure_cost, model_cost
from imgae_monai.exceptions import InputError


def test_size_time_and_memory_are_the_runs_own(runs):
    run = runs["unet_autoencoder"]
    ballast = np.ones(150_000_000)  # 1.2 GB of ours, which are not the child's
    found = measure_cost(run, "cpu", seconds=0.05)
    weights = torch.load(run / "models" / "model.pt", weights_only=True)
    of_buffers = ("running_mean", "running_var", "num_batches_tracked")
    counted = sum(value.numel() for key, value in weights.items() if not key.endswith(of_buffers))
    assert found["parameters"] == counted
    assert found["checkpoint_mb"] == (run / "models" / "model.pt").stat().st_size / 1e6
    assert (found["batch_size"], found["image_size"], found["device"]) == (8, 32, "cpu")
    assert min(found["latency_ms"], found["batch_latency_ms"]) > 0
    assert found["images_per_second"] == pytest.approx(1e3 / found["batch_latency_ms"])
    assert 100 < found["peak_memory_mb"] < ballast.nbytes / 1e6
    assert 0 < found["added_memory_mb"] < found["peak_memory_mb"]


def test_what_can_not_be_measured_is_said_in_a_line(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(model_cost, "_CHILD", "print('0'); raise MemoryError('no more of it')")
    with pytest.raises(InputError, match=r"can't be measured: MemoryError: no more of it; --cost false goes without"):
        measure_cost(runs["unet_autoencoder"], "cpu")
    with pytest.raises(InputError, match=r"has no models/model\.pt"):
        measure_cost(tmp_path, "cpu")
