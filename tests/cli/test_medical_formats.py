"""Train and predict on folders of DICOM files and of NIfTI volumes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TINY
from tests.data.medical_files import dicom, nifti

SPLITS = (("train", "normal", 8), ("val", "normal", 20), ("test", "normal", 4), ("test", "abnormal", 4))
SMALL = ("--image_size", 16, "--latent_size", 4, "--batch_size", 8, "--device", "cpu", "--epochs", 1)


def rows(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def dicom_study(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, label, n in SPLITS:
        folder = root / split / label
        folder.mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 4096, (20, 18)).astype(np.uint16)
            path = dicom(folder / f"{i}.dcm", pixels, BitsStored=12, PatientID=f"{split}{label}{i // 2}")
            if i % 2:
                path.rename(folder / f"IM{i}")
    return root


def test_dicom_from_training_to_prediction(cli, tmp_path, capsys):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    data, run = dicom_study(tmp_path / "data"), tmp_path / "run"
    cli("train", "unet_autoencoder", "--data", data, "--output", run, *SMALL, "--window", "percentile",
        "--set", TINY["unet_autoencoder"])  # fmt: skip
    used = json.loads((run / "models" / "datalist.json").read_text())["training"]
    assert {item["patient_id"] for item in used} == {f"trainnormal{i}" for i in range(4)}
    test = data / "test" / "abnormal"
    (test / "cut.dcm").write_bytes((test / "0.dcm").read_bytes()[:-100])
    volume = nifti(tmp_path / "v.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    with pytest.raises(SystemExit) as stopped:
        cli("predict", run, test, volume, "--output", tmp_path / "out", "--device", "cpu")
    assert stopped.value.code == 1
    assert [Path(row["image"]).name for row in rows(tmp_path / "out" / "predictions.csv")] == [
        *("0.dcm", "2.dcm", "IM1", "IM3")
    ]
    reasons = {Path(row["image"]).name: row["reason"] for row in rows(tmp_path / "out" / "refused.csv")}
    assert set(reasons) == {"cut.dcm", "v.nii.gz"}
    assert "give slice_axis" in reasons["v.nii.gz"]
    assert "4 scored, 2 refused" in capsys.readouterr().out
    assert json.loads((run / "configs" / "inference.json").read_text())["window"] == "percentile"


def test_slices_of_volumes_from_training_to_prediction(cli, tmp_path, capsys):
    data, run, rng = tmp_path / "data", tmp_path / "run", np.random.default_rng(0)
    for split, label, n in (("train", "normal", 2), ("val", "normal", 4), ("test", "abnormal", 1)):
        (data / split / label).mkdir(parents=True)
        for i in range(n):
            nifti(data / split / label / f"{i}.nii.gz", rng.integers(0, 900, (14, 16, 10)).astype(np.int16))
    cli("train", "unet_autoencoder", "--data", data, "--output", run, *SMALL, "--slice_axis", 2,
        "--slice_fraction", 0.6, "--set", TINY["unet_autoencoder"])  # fmt: skip
    used = json.loads((run / "models" / "datalist.json").read_text())
    assert {key: len(used[key]) for key in ("training", "validation")} == {"training": 12, "validation": 24}
    assert len({item["patient_id"] for item in used["training"]}) == 2
    cli("predict", run, data / "test", "--output", tmp_path / "out", "--device", "cpu")
    references = [row["image"] for row in rows(tmp_path / "out" / "predictions.csv")]
    assert references == [f"{data}/test/abnormal/0.nii.gz#2/{index}" for index in range(2, 8)]
    assert (tmp_path / "out" / "0_2_5_overlay.png").is_file()
    assert "6 scored, 0 refused" in capsys.readouterr().out
