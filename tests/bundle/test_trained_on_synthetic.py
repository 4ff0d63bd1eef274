from __future__ import annotations

import json
import zipfile

import pytest

from imgae_monai.bundle import pack_bundle, trained_on_synthetic
from imgae_monai.engines import load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.export.metadata import export_metadata
from imgae_monai.transforms import ScoreDefinition


@pytest.fixture
def packed(runs, tmp_path):
    """A run that was packed and unzipped."""
    pack_bundle(runs["unet_autoencoder"], tmp_path / "chest.zip")
    with zipfile.ZipFile(tmp_path / "chest.zip") as archive:
        archive.extractall(tmp_path)
    assert not (tmp_path / "chest" / "train.json").exists()
    return tmp_path / "chest"


def exported(run):
    config = json.loads((run / "configs" / "inference.json").read_text())
    return export_metadata(run, config, load_calibration(run / "models", ScoreDefinition("l1")))


def test_a_packed_run_still_says_that_it_saw_phantoms(packed, cli, monkeypatch, tmp_path):
    assert trained_on_synthetic(packed) is True
    told = exported(packed)
    assert told["synthetic"] == "true"
    assert told["notice"].startswith("SYNTHETIC DATA")
    monkeypatch.setattr("imgae_monai.cli.deploy._export", lambda folder: folder / "models" / "model.ts")
    cli("deploy", packed, "--output", tmp_path / "deployed")
    config = json.loads((tmp_path / "deployed" / "configs" / "inference.json").read_text())
    assert config["trained_on_synthetic"] is True


def test_a_run_without_a_record_says_that_it_is_not_known(packed, cli, monkeypatch, tmp_path):
    (packed / "docs" / "training.json").unlink()
    assert trained_on_synthetic(packed) is None
    told = exported(packed)
    assert told["synthetic"] == "none"
    assert "notice" not in told
    monkeypatch.setattr("imgae_monai.cli.deploy._export", lambda folder: folder / "models" / "model.ts")
    cli("deploy", packed, "--output", tmp_path / "deployed")
    config = json.loads((tmp_path / "deployed" / "configs" / "inference.json").read_text())
    assert config["trained_on_synthetic"] is None


def test_the_runs_own_record_goes_first(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "training.json").write_text('{"synthetic": true}')
    (tmp_path / "train.json").write_text('{"synthetic": false}')
    assert trained_on_synthetic(tmp_path) is False
    (tmp_path / "train.json").write_text('{"seed": 0}')
    assert trained_on_synthetic(tmp_path) is True


@pytest.mark.parametrize("content", ['{"synthetic": tr', "[]"])
def test_a_damaged_record_is_told(content, tmp_path):
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(InputError, match=r"train\.json is not a readable record of a training"):
        trained_on_synthetic(tmp_path)
