from __future__ import annotations

import json
import logging

import pytest
import torch

from imgae_monai.engines import choose_precision
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES

BF16 = {"avx512_bf16": True}


@pytest.fixture
def processor(monkeypatch):
    def have(capabilities: dict) -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    return have


@pytest.mark.parametrize("dtype", ["auto", "bfloat16", "float16"])
@pytest.mark.parametrize("device", ["cpu", "mps", "cuda"])
def test_full_precision_unless_asked_for(dtype, device):
    assert choose_precision(False, dtype, device) is None


@pytest.mark.parametrize(
    ("capabilities", "dtype", "chosen", "reason"),
    [
        (BF16, "auto", "bfloat16", "which this processor has instructions for"),
        ({}, "auto", None, "full precision, as this processor has no bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "auto", "bfloat16", "instructions for"),
        ({}, "bfloat16", "bfloat16", "likely slower"),
    ],
)
def test_a_cpu_gets_what_it_is_good_at(processor, caplog, capabilities, dtype, chosen, reason):
    processor(capabilities)
    with caplog.at_level(logging.INFO):
        assert choose_precision(True, dtype, torch.device("cpu")) == chosen
    assert reason in caplog.text


def test_float16_is_refused_on_a_cpu():
    with pytest.raises(InputError, match="float16 works on CUDA only: use bfloat16 or auto"):
        choose_precision(True, "float16", "cpu")


def test_mps_stays_in_full_precision(caplog):
    assert choose_precision(True, "auto", "mps") is None
    assert "never tried on MPS" in caplog.text


@pytest.mark.parametrize(("supported", "chosen"), [(True, "bfloat16"), (False, "float16")])
def test_cuda_prefers_bfloat16(monkeypatch, supported, chosen):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported)
    assert choose_precision(True, "auto", "cuda:0") == chosen
    assert choose_precision(True, "float16", "cuda") == "float16"


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="float16"):
        choose_precision(True, "flaot16", "cuda")


@pytest.mark.parametrize(("bundle", "preset"), [("unet_autoencoder", "plain"), ("reversed_autoencoder", "plain_small")])
def test_training_is_in_mixed_precision_and_scoring_is_not(bundle, preset, train_tiny, cli, tmp_path):
    run = train_tiny(bundle, tmp_path / "run", "--preset", preset, "--amp", "true", "--amp_dtype", "bfloat16")
    reference = train_tiny(bundle, tmp_path / "full", "--preset", preset)
    mixed, full = (json.loads((r / "train.json").read_text()) for r in (run, reference))
    (first, *_), (reference, *_) = mixed["train_loss"], full["train_loss"]
    assert first[1] != reference[1]
    assert first[1] == pytest.approx(reference[1], rel=0.02)
    # the same weights, scored by a config that never heard of mixed precision, give the same threshold
    config = json.loads((run / "configs" / "train.json").read_text())
    assert config["amp"] is True
    (run / "configs" / "train.json").write_text(json.dumps({**config, "amp": False}))
    before = mixed["calibration"]["threshold"]
    cli("calibrate", run)
    after = torch.load(run / "models" / "calibration-l1-mean.pt", weights_only=True)["threshold"]
    assert float(after) == before


@pytest.mark.parametrize("bundle", BUNDLES)
def test_channels_last_changes_the_layout_and_hardly_the_numbers(bundle, train_tiny, runs, tmp_path):
    run = train_tiny(bundle, tmp_path / "run", "--channels_last", "true")
    weights = torch.load(run / "models" / "model_final.pt", weights_only=True)
    kernels = [value for value in weights.values() if value.ndim == 4 and min(value.shape) > 1]
    assert kernels
    assert all(value.is_contiguous(memory_format=torch.channels_last) for value in kernels)
    assert not any(value.is_contiguous() for value in kernels)
    last, reference = (json.loads((r / "train.json").read_text())["val_loss"][-1][1] for r in (run, runs[bundle]))
    assert last == pytest.approx(reference, rel=1e-2)
