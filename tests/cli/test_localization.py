"""Localisation as ``imgae-monai evaluate`` tells it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from imgae_monai.metrics import center_prior, compute_localization, threshold_of_share

BUNDLE = "reversed_autoencoder"


@pytest.fixture(scope="module")
def boxed(phantoms, tmp_path_factory) -> Path:
    """The phantoms, with the masks that they were drawn with for six images and a box for the others."""
    folder = tmp_path_factory.mktemp("boxed")
    entries = []
    for label, name in enumerate(("normal", "abnormal")):
        for i, image in enumerate(sorted((phantoms / "test" / name).glob("*.png"))):
            entry: dict = {"image": str(image), "label": label, "patient_id": f"{name}{i}", "split": "test"}
            if label and i % 2:
                entry["mask"] = str(phantoms / "masks" / "test" / name / image.name)
            elif label:
                entry["boxes"] = [{"finding": "Nodule", "box": [0.1, 0.1, 0.3, 0.3]}]
            entries.append(entry)
    path = folder / "datalist.json"
    path.write_text(json.dumps(entries))
    return path


@pytest.fixture(scope="module")
def evaluated(cli, runs, boxed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "out"
    cli("evaluate", runs[BUNDLE], "--data", boxed, "--output", folder, "--n_bootstrap", 50)
    return folder


def read(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_the_figures_are_those_of_the_maps_that_predict_writes(cli, runs, boxed, evaluated, tmp_path):
    from PIL import Image

    images = [e for e in json.loads(boxed.read_text()) if e["label"]]
    cli("predict", runs[BUNDLE], *(e["image"] for e in images), "--output", tmp_path / "maps")
    nib = pytest.importorskip("nibabel")
    maps, truths = [], []
    for entry in images:
        maps.append(nib.load(tmp_path / "maps" / f"{Path(entry['image']).stem}_map.nii.gz").get_fdata()[..., 0].T)
        truth = np.zeros((32, 32), dtype=bool)
        if "mask" in entry:
            truth = np.asarray(Image.open(entry["mask"])) > 0
        else:
            truth[3:13, 3:13] = True  # 0.1 of 32 pixels is 3.2, 0.4 is 12.8
        truths.append(truth)
    found = read(evaluated)["localization"]
    stored = torch.load(runs[BUNDLE] / "models" / "calibration-l1-mean.pt", weights_only=True)
    assert found["threshold"] == stored["pixel_threshold"]
    expected = compute_localization(maps, truths, stored["pixel_threshold"])
    figures = ("pixel_auroc", "pixel_average_precision", "aupro", "pointing_game", "iou")
    assert {k: found["model"][k] for k in figures} == pytest.approx({k: expected[k] for k in figures}, abs=1e-5)
    prior = center_prior((32, 32))
    limit = threshold_of_share([prior], np.mean(np.stack(maps) > stored["pixel_threshold"]))
    expected = compute_localization([prior] * len(maps), truths, limit)
    assert {k: found["center_prior"][k] for k in figures} == pytest.approx({k: expected[k] for k in figures}, abs=1e-12)


def test_the_table_and_its_sentence_are_printed(cli, runs, boxed, evaluated, tmp_path, capsys):
    cli("evaluate", runs[BUNDLE], "--data", boxed, "--output", tmp_path / "out", "--n_bootstrap", 50)
    shown = capsys.readouterr().out
    found = read(tmp_path / "out")["localization"]
    assert found == read(evaluated)["localization"]
    assert found["verdict"] in shown
    assert f"pixel AUROC     {found['model']['pixel_auroc']:.3f} [" in shown
    assert "best Dice*" in shown
    assert "optimistic, uses test labels" in shown
    (group,) = found["by_finding"]
    assert (group["finding"], group["n_images"]) == ("Nodule", 6)
    assert f"Nodule (6 images): {group['verdict']}" in shown


def test_images_of_unknown_regions_have_no_localisation(cli, runs, tmp_path, capsys):
    cli("evaluate", runs[BUNDLE], "--output", tmp_path / "out", "--n_bootstrap", 50)
    metrics = read(tmp_path / "out")
    assert metrics["localization"] is None
    assert "no region" in metrics["localization_reason"]
    assert "localisation" not in capsys.readouterr().out


def test_a_spoilt_mask_is_named_before_any_image_is_scored(cli, runs, boxed, tmp_path, capsys, monkeypatch):
    from monai.inferers import SimpleInferer

    entries = json.loads(boxed.read_text())
    spoilt = tmp_path / "spoilt.png"
    spoilt.write_bytes(b"no picture")
    entries[-1]["mask"] = str(spoilt)
    data = tmp_path / "datalist.json"
    data.write_text(json.dumps(entries))
    monkeypatch.setattr(SimpleInferer, "__call__", lambda *args, **kwargs: pytest.fail("an image was scored"))
    with pytest.raises(SystemExit) as e:
        cli("evaluate", runs[BUNDLE], "--data", data, "--output", tmp_path / "out")
    assert e.value.code == 2
    assert "spoilt.png" in capsys.readouterr().err


def test_a_run_of_an_earlier_version_tells_all_but_the_overlap(cli, runs, boxed, evaluated, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs[BUNDLE], run)
    path = run / "models" / "calibration-l1-mean.pt"
    stored = torch.load(path, weights_only=True)
    del stored["pixel_threshold"], stored["normal_scores"]
    torch.save(stored, path)
    cli("evaluate", run, "--data", boxed, "--output", tmp_path / "out", "--n_bootstrap", 50)
    found, before = read(tmp_path / "out")["localization"], read(evaluated)["localization"]
    assert found["model"]["iou"] is None
    assert found["model"]["pixel_auroc_ci95"] == before["model"]["pixel_auroc_ci95"]
    shown = capsys.readouterr().out
    assert "IoU             undefined" in shown
    assert "imgae-monai calibrate RUN makes it anew" in shown
