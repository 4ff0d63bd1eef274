from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from PIL import Image
from torch import nn

from imgae_monai.data import read_image
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import PredictionWriter
from imgae_monai.transforms import AnomalyScored, Calibration, LoadGrayscaled, ResidualMapd, ScoreDefinition
from tests.data.medical_files import dicom, nifti

CALIBRATION = Calibration(
    threshold=0.5,
    specificity=0.9,
    mean=torch.zeros(1, 6, 10),
    std=torch.ones(1, 6, 10),
    map_limit=0.75,
    n_images=40,
    score=ScoreDefinition("l1"),
    checkpoint_sha256="hash of the weights",
    data_fingerprint="fingerprint",
)
COLUMNS = ["image", "score", "decision", "threshold", "map_png", "map_nifti", "overlay", "synthetic"]


def picture(folder: Path, name: str, seed: int, low: int = 0, high: int = 255) -> tuple[Path, np.ndarray]:
    """A picture 10 wide and 6 high, and the map that it leads to: its values in [0, 1]."""
    pixels = np.random.default_rng(seed).integers(low, high + 1, size=(6, 10), dtype=np.uint8)
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return folder / name, pixels.astype(np.float32) / 255


def predict(
    output: Path,
    paths: list[Path],
    calibration: Calibration = CALIBRATION,
    runs: int = 1,
    network: nn.Module | None = None,
    window: str = "auto",
) -> list[dict]:
    """The network gives 0, so that the image is its own map. Return the rows of predictions.csv."""
    network = nn.Conv2d(1, 1, 1) if network is None else network
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    items = [{"image": str(path), "image_path": str(path)} for path in paths]
    evaluator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(Dataset(items, LoadGrayscaled(window=window)), batch_size=2),
        network=network,
        postprocessing=Compose([ResidualMapd(), AnomalyScored()]),
        val_handlers=[PredictionWriter(output, calibration, window)],
    )
    for _ in range(runs):
        evaluator.run()
    return rows_of(output)


def rows_of(output: Path) -> list[dict]:
    with open(output / "predictions.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def read_map(output: Path, row: dict) -> np.ndarray:
    """The NIfTI map, rows first."""
    return nib.load(output / row["map_nifti"]).get_fdata()[..., 0].T


def read_png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    made = [picture(folder, "dark.png", 0, 0, 100), picture(folder, "light.png", 1, 150, 255)]
    made.append(picture(folder, "all.bmp", 2))
    output = folder / "not" / "there" / "yet"
    return output, predict(output, [path for path, _ in made]), made


def test_a_row_for_each_image_in_the_order_given(predicted):
    _, rows, made = predicted
    assert list(rows[0]) == COLUMNS
    assert [row["image"] for row in rows] == [str(path) for path, _ in made]
    assert [float(row["score"]) for row in rows] == pytest.approx([values.mean() for _, values in made], rel=1e-6)
    assert [row["decision"] for row in rows[:2]] == ["0", "1"]
    assert {row["threshold"] for row in rows} == {"0.5"}


def test_files_for_each_image(predicted):
    output, rows, _ = predicted
    names = [{row["map_png"], row["map_nifti"], row["overlay"]} for row in rows]
    assert names == [
        {f"{stem}_map.png", f"{stem}_map.nii.gz", f"{stem}_overlay.png"} for stem in ("dark", "light", "all")
    ]
    assert {path.name for path in output.iterdir()} == {"predictions.csv"}.union(*names)


@pytest.mark.parametrize("grey", [127, 128])
def test_abnormal_is_above_the_threshold_and_not_at_it(grey, tmp_path):
    path, values = picture(tmp_path / "in", "a.png", 0, grey, grey)
    at = dataclasses.replace(CALIBRATION, threshold=float(values[0, 0]))
    below = dataclasses.replace(CALIBRATION, threshold=float(np.nextafter(values[0, 0], np.float32(0))))
    assert predict(tmp_path / "at", [path], at)[0]["decision"] == "0"
    assert predict(tmp_path / "below", [path], below)[0]["decision"] == "1"


def test_the_nifti_map_holds_raw_values_x_first(predicted):
    output, rows, made = predicted
    for row, (_, values) in zip(rows, made, strict=True):
        image = nib.load(output / row["map_nifti"])
        assert image.shape == (10, 6, 1)
        assert image.get_data_dtype() == np.float32
        np.testing.assert_array_equal(image.affine, np.diag([-1, -1, 1, 1]))
        for x, y in [(0, 0), (9, 0), (0, 5), (3, 2)]:
            assert image.get_fdata()[x, y, 0] == values[y, x]
        np.testing.assert_array_equal(read_map(output, row), values)


def test_the_png_map_ends_at_the_limit(predicted):
    output, rows, made = predicted
    for row, (_, values) in zip(rows, made, strict=True):
        png = read_png(output / row["map_png"])
        assert (png.dtype, png.shape) == (np.uint8, (6, 10))
        np.testing.assert_allclose(png, 255 * np.minimum(values / 0.75, 1), atol=0.501)
    saturated = read_png(output / rows[2]["map_png"])[made[2][1] >= 0.75]
    assert saturated.size > 5
    assert set(saturated.tolist()) == {255}


def test_the_overlay_leaves_normal_pixels_grey_and_colours_hot_ones(predicted, tmp_path):
    output, rows, made = predicted
    assert all(read_png(output / row["overlay"]).shape == (6, 10, 3) for row in rows)
    hot = read_png(output / rows[1]["overlay"]).astype(int)
    assert (np.ptp(hot, axis=-1) > 20).all()
    cold = dataclasses.replace(CALIBRATION, map_limit=1e6)
    (row,) = predict(tmp_path, [made[0][0]], cold)
    np.testing.assert_allclose(
        read_png(tmp_path / row["overlay"]), read_png(made[0][0])[..., None].repeat(3, -1), atol=1
    )


def test_the_same_name_in_two_folders_is_kept_apart(tmp_path):
    made = [picture(tmp_path / folder, "x.png", seed) for seed, folder in enumerate("abc")]
    made.append(picture(tmp_path / "a", "x.bmp", 3))
    output = tmp_path / "out"
    rows = predict(output, [path for path, _ in made])
    names = [row["map_nifti"] for row in rows]
    assert names[0] == "x_map.nii.gz"
    assert all(re.fullmatch(r"x_[0-9a-f]{8}_map\.nii\.gz", name) for name in names[1:])
    assert len(list(output.iterdir())) == 1 + 3 * 4
    for row, (path, values) in zip(rows, made, strict=True):
        assert row["image"] == str(path)
        np.testing.assert_array_equal(read_map(output, row), values)
    assert predict(output, [path for path, _ in made]) == rows


def test_a_volumes_map_lies_on_the_volume_and_its_pictures_show_the_middle_slice(tmp_path):
    voxels = np.random.default_rng(0).integers(0, 100, (6, 10, 5)).astype(np.int16)
    path = nifti(tmp_path / "v.nii.gz", voxels, np.array([[0, 0, 3, 1], [-2.0, 0, 0, 2], [0, 1, 0, 3], [0, 0, 0, 1]]))
    (row,) = predict(tmp_path / "out", [path], network=nn.Conv3d(1, 1, 1), window="full")
    assert row["map_nifti"] == "v_map.nii.gz"
    unit = nib.Nifti1Image(((voxels - voxels.min()) / np.ptp(voxels)).astype(np.float32), nib.load(path).affine)
    expected = nib.as_closest_canonical(unit)
    written = nib.load(tmp_path / "out" / row["map_nifti"])
    np.testing.assert_allclose(written.affine, expected.affine)
    np.testing.assert_allclose(written.get_fdata(), expected.get_fdata(), atol=1e-6)
    middle = read_image(path, "full")[..., 5]  # 10 axial slices
    np.testing.assert_allclose(
        read_png(tmp_path / "out" / row["map_png"]), 255 * np.minimum(middle / 0.75, 1), atol=0.501
    )
    assert read_png(tmp_path / "out" / row["overlay"]).shape == (*middle.shape, 3)


def test_an_explanation_is_written_with_its_sign(tmp_path):
    path, values = picture(tmp_path / "in", "a.png", 0)

    def signed(data):  # in place of an explanation
        return {**data, "occlusion": 8 * data["image"] - 4}

    evaluator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(Dataset([{"image": str(path), "image_path": str(path)}], LoadGrayscaled())),
        network=nn.Identity(),
        postprocessing=Compose([ResidualMapd(), AnomalyScored(), signed]),
        val_handlers=[PredictionWriter(tmp_path / "out", CALIBRATION, explain=["occlusion"])],
    )
    evaluator.run()
    (row,) = rows_of(tmp_path / "out")
    assert list(row) == [*COLUMNS, "occlusion_png", "occlusion_nifti", "occlusion_overlay", "occlusion_limit"]
    expected = 8 * values - 4
    limit = float(np.abs(expected).max())  # a hundredth of 60 pixels is one
    assert float(row["occlusion_limit"]) == pytest.approx(limit)
    written = nib.load(tmp_path / "out" / row["occlusion_nifti"]).get_fdata()[..., 0].T
    np.testing.assert_allclose(written, expected, atol=1e-5)
    grey = read_png(tmp_path / "out" / row["occlusion_png"])
    np.testing.assert_allclose(grey, 128 + 127 * expected / limit, atol=0.51)
    overlay = read_png(tmp_path / "out" / row["occlusion_overlay"]).astype(int)
    redder = overlay[..., 0] - overlay[..., 2]
    assert (redder[expected > 0.2] > 0).all()
    assert (redder[expected < -0.2] < 0).all()


def test_slices_are_named_by_their_place_and_written_as_pictures(tmp_path):
    path = nifti(tmp_path / "v.nii", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    slices = [Path(f"{path}#2/{index}") for index in (0, 4)]
    rows = predict(tmp_path / "out", slices, window="full")
    assert [row["map_png"] for row in rows] == ["v_2_0_map.png", "v_2_4_map.png"]
    for row, slice_ in zip(rows, slices, strict=True):
        np.testing.assert_allclose(read_map(tmp_path / "out", row), read_image(slice_, "full"), atol=1e-6)


def test_the_overlay_shows_the_image_as_it_was_read(tmp_path):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    grey = np.arange(60, dtype=np.uint8).reshape(6, 10)
    path = dicom(tmp_path / "a.dcm", grey, WindowCenter=0, WindowWidth=0)  # "auto" refuses this window
    cold = dataclasses.replace(CALIBRATION, map_limit=1e6)
    (row,) = predict(tmp_path / "out", [path], cold, window="full")
    np.testing.assert_allclose(read_png(tmp_path / "out" / row["overlay"]), grey[..., None].repeat(3, -1), atol=1)


def test_a_second_run_starts_anew(tmp_path):
    made = [picture(tmp_path / folder, "x.png", seed) for seed, folder in enumerate("ab")]
    rows = predict(tmp_path / "out", [path for path, _ in made], runs=2)
    assert [row["image"] for row in rows] == [str(path) for path, _ in made]
    assert rows[0]["map_png"] == "x_map.png"


def test_without_normal_residuals_any_residual_is_at_the_top(tmp_path):
    path, _ = picture(tmp_path / "in", "a.png", 0, 0, 2)
    (row,) = predict(tmp_path / "out", [path], dataclasses.replace(CALIBRATION, map_limit=0.0))
    pixels = read_png(path)
    assert {0, 1, 2} == set(pixels.ravel().tolist())
    np.testing.assert_array_equal(read_png(tmp_path / "out" / row["map_png"]), np.where(pixels > 0, 255, 0))
    assert (tmp_path / "out" / row["overlay"]).is_file()


def test_rows_before_an_unreadable_image_are_kept(tmp_path):
    paths = [picture(tmp_path / "in", f"{i}.png", i)[0] for i in range(4)]
    paths[3].write_bytes(paths[3].read_bytes()[:60])
    with pytest.raises(RuntimeError) as e:
        predict(tmp_path / "out", paths)
    causes = [str(e.value), *map(str, (e.value.__cause__, e.value.__context__))]
    assert any(f"cannot read {paths[3]}" in cause for cause in causes)
    assert [row["image"] for row in rows_of(tmp_path / "out")] == [str(path) for path in paths[:2]]


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    path, _ = picture(tmp_path / "in", "a.png", 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"cannot write to {tmp_path / 'file'}"):
        predict(tmp_path / "file", [path])
