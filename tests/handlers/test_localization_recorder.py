from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imgae_monai.data import load_datalist
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import LocalizationRecorder
from imgae_monai.transforms import Calibration, ResizeKeepAspect, ScoreDefinition
from tests.data.medical_files import nifti

CALIBRATION = Calibration(
    threshold=1.0,
    specificity=0.9,
    mean=torch.zeros(1, 8, 8),
    std=torch.ones(1, 8, 8),
    map_limit=1.0,
    n_images=40,
    score=ScoreDefinition("l1"),
    checkpoint_sha256="weights",
    data_fingerprint="data",
    pixel_threshold=0.5,
)
SHAPE = (8, 12)  # of the files; the network takes 8 x 8


def listed(folder: Path, n: int = 6, finding: str = "Mass", **first: object) -> Path:
    """A normal image, one of unknown regions, and ``n`` with a box in the upper left quarter or a mask of the same."""
    rng = np.random.default_rng(0)
    names = ["normal", "unknown", *(f"box{i}" for i in range(n))]
    for name in names:
        Image.fromarray(rng.integers(1, 255, SHAPE, dtype=np.uint8)).save(folder / f"{name}.png")
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[:4, :6] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    entries: list[dict] = [{"image": f"{name}.png", "label": int(name != "normal")} for name in names]
    for i, entry in enumerate(entries):
        entry["patient_id"] = f"p{i}"
    for i, entry in enumerate(entries[2:]):
        if i % 2:
            entry |= {"mask": "mask.png", "finding": finding}
        else:
            entry["boxes"] = [{"finding": finding, "box": [0, 0, 0.5, 0.5]}]
    entries[2] |= first
    path = folder / "datalist.json"
    path.write_text(json.dumps({"test": entries}))
    return path


def recorder_of(path: Path, method: str = "pad", size: int = 8) -> LocalizationRecorder:
    return LocalizationRecorder(load_datalist(path), "test", ResizeKeepAspect(size, method))


def add_all(recorder: LocalizationRecorder, maps=None) -> None:
    for i, item in enumerate(recorder.datalist.select("test")):
        array = torch.zeros(1, 8, 8) if maps is None else maps[i]
        recorder.add(item["image"], item["patient_id"], array)


def pointing(n: int) -> list[torch.Tensor]:
    """Maps that are 1 where the regions are: the quarter, padded by a row above (8 x 12 becomes 5 x 8 of 8 x 8)."""
    geometry = ResizeKeepAspect(8, "pad")
    region = torch.zeros(1, *SHAPE)
    region[:, :4, :6] = 1
    return [geometry(region)] * n


def test_only_maps_of_known_regions_count(tmp_path):
    recorder = recorder_of(listed(tmp_path))
    recorder.start()
    add_all(recorder, pointing(8))
    result = recorder.results(CALIBRATION, n_draws=5000, seed=0)
    assert (result["n_images"], result["n_regions"], result["n_patients"]) == (6, 6, 6)
    assert result["model"]["pixel_auroc"] == 1.0
    assert result["model"]["pointing_game"] == 1.0
    assert result["threshold"] == 0.5
    assert result["threshold_source"] == "quantile 0.9 of the pixels of 40 normal validation images' maps"
    assert result["n_bootstrap"] == 2000
    assert "better than the centre prior" in result["verdict"]
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(("n", "found"), [(6, ["Mass"]), (4, [])])
def test_findings_of_five_images_are_told_apart(n, found, tmp_path):
    recorder = recorder_of(listed(tmp_path, n))
    recorder.start()
    add_all(recorder, pointing(n + 2))
    groups = recorder.results(CALIBRATION, 50, 0)["by_finding"]
    assert [group["finding"] for group in groups] == found
    assert [group["n_images"] for group in groups] == [n] * len(found)


def test_an_old_calibration_leaves_the_overlap_undefined_and_says_why(tmp_path):
    recorder = recorder_of(listed(tmp_path))
    recorder.start()
    add_all(recorder, pointing(8))
    result = recorder.results(dataclasses.replace(CALIBRATION, pixel_threshold=None), 50, 0)
    assert result["model"]["iou"] is None
    assert result["model"]["pixel_auroc"] == 1.0
    assert "imgae-monai calibrate RUN" in result["threshold_source"]


def test_no_region_is_no_result(tmp_path):
    path = listed(tmp_path)
    entries = json.loads(path.read_text())["test"][:2]
    path.write_text(json.dumps({"test": entries}))
    recorder = recorder_of(path)
    recorder.start()
    add_all(recorder)
    assert recorder.results(CALIBRATION, 50, 0) is None
    assert recorder.reason == "no region (boxes or a mask) of an image of the test split is known"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read .*other.png"), (b"no picture", "cannot read .*other.png"), ("small", "other.png is of shape")],
)
def test_a_mask_that_cannot_be_used_is_named_at_the_start(content, message, tmp_path):
    if content == "small":
        Image.fromarray(np.ones((2, 2), dtype=np.uint8)).save(tmp_path / "other.png")
    elif content is not None:
        (tmp_path / "other.png").write_bytes(content)
    recorder = recorder_of(listed(tmp_path, boxes=[], mask="other.png"))
    with pytest.raises(InputError, match=message):
        recorder.start()


def test_another_geometry_is_refused(tmp_path):
    recorder = recorder_of(listed(tmp_path), size=9)
    recorder.start()
    with pytest.raises(InputError, match=r"is of shape \(8, 8\), its regions of \(9, 9\): the geometry"):
        add_all(recorder)


def test_the_truths_hash_knows_regions_and_size_and_no_path(tmp_path):
    hashes = []
    for folder, own, method in (
        ("a", {}, "pad"),
        ("b", {}, "pad"),
        ("c", {"boxes": [{"box": [0, 0, 1, 1]}]}, "pad"),
        ("d", {}, "crop"),
    ):
        (tmp_path / folder).mkdir()
        recorder = recorder_of(listed(tmp_path / folder, **own), method)
        recorder.start()
        add_all(recorder)
        hashes.append(recorder.results(CALIBRATION, 5, 0)["truth_sha256"])
    assert hashes[0] == hashes[1]
    assert len({*hashes}) == 3


def test_a_second_evaluation_starts_anew(tmp_path):
    recorder = recorder_of(listed(tmp_path))
    for _ in range(2):
        recorder.start()
        add_all(recorder)
    assert recorder.results(CALIBRATION, 5, 0)["n_images"] == 6
    recorder.start()
    assert recorder.results(CALIBRATION, 5, 0) is None
    assert recorder.reason == "no image with a region was scored"


@pytest.mark.parametrize("slice_axis", [None, 2])
def test_masks_of_volumes_and_of_their_slices_count(slice_axis, tmp_path):
    values = np.random.default_rng(0).random((4, 6, 5)).astype(np.float32)
    for name, array in (("a", values), ("mask", (values > 0.5).astype(np.float32))):
        nifti(tmp_path / f"{name}.nii.gz", array)
    path = tmp_path / "datalist.json"
    path.write_text(json.dumps({"test": [{"image": "a.nii.gz", "label": 1, "mask": "mask.nii.gz"}]}))
    data = load_datalist(path, slice_axis=slice_axis)
    recorder = LocalizationRecorder(data, "test", ResizeKeepAspect(8, "pad"))
    recorder.start()
    items = data.select("test")
    for item in items:
        recorder.add(item["image"], item["patient_id"], torch.rand(1, *[8] * (3 if slice_axis is None else 2)))
    result = recorder.results(CALIBRATION, 5, 0)
    assert result["n_images"] == len(items) == (1 if slice_axis is None else 5)
    assert result["model"]["pixel_auroc"] is not None
