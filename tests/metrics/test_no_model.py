from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.exposure import equalize_adapthist

from imgae_monai.metrics import compute_auroc, image_statistics, mean_distance_scores, pca_residual_scores

KERMANY = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "kermany224"
needs_kermany = pytest.mark.skipif(
    not (KERMANY / "manifest.csv").is_file(), reason=f"the development images are not at {KERMANY}"
)


def kermany(split: str, label: str) -> list[Path]:
    with open(KERMANY / "manifest.csv", newline="") as stream:
        return [
            KERMANY / row["file"] for row in csv.DictReader(stream) if (row["split"], row["label"]) == (split, label)
        ]


def read(path: Path, size: int = 224) -> np.ndarray:
    image = Image.open(path).convert("L")
    return np.asarray(image if size == 224 else image.resize((size, size), Image.Resampling.BILINEAR)) / 255


def smooth_images(n: int, seed: int, size: int = 16) -> np.ndarray:
    """Images of a two-dimensional linear family: a ramp and a bump of random strengths."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / (size - 1)
    strengths = rng.random((n, 2, 1, 1)) / 2
    return strengths[:, 0] * x + strengths[:, 1] * np.exp(-8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))


def test_statistics_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"12345")
    # every difference is 0.5 down and 0.2 across
    image = np.array([[0.0, 0.2, 0.4], [0.5, 0.7, 0.9]])
    result = image_statistics(image, path)
    assert result == {
        "mean": pytest.approx(0.45),
        "std": pytest.approx(np.sqrt(np.mean((image - 0.45) ** 2))),
        "minus_mean_gradient": pytest.approx(-(0.5 + 0.2) / 2),
        "aspect": 3 / 2,
        "n_pixels": 6.0,
        "minus_file_size": -5.0,
    }


def test_an_image_inside_a_container_has_no_file_size_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.zeros((3, 4, 4)))
    statistics = image_statistics(np.zeros((4, 4)), f"{tmp_path}/stack.npy#1")
    assert statistics.keys() == {"mean", "std", "minus_mean_gradient", "aspect", "n_pixels"}


def test_distance_to_the_mean_image_by_hand() -> None:
    train = np.stack([np.zeros((2, 2)), np.full((2, 2), 0.4)])  # mean 0.2 everywhere
    test = np.array([[[0.2, 0.2], [0.2, 0.2]], [[0.2, 0.2], [0.2, 1.0]]])
    assert mean_distance_scores(train, test) == pytest.approx([0, np.sqrt(0.8**2 / 4)])
    with pytest.raises(ValueError, match=r"must have one size; got \(2, 2\), \(2, 3\)"):
        mean_distance_scores(train, np.zeros((1, 2, 3)))


def test_a_smoother_image_has_the_higher_gradient_score(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.touch()
    noise = np.random.default_rng(0).random((32, 32))
    smooth = np.linspace(0, 1, 32)[:, None] * np.ones((32, 32))
    gradients = [image_statistics(image, path)["minus_mean_gradient"] for image in (noise, smooth)]
    assert gradients[0] < gradients[1] < 0


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 4, 4)), r"image must be \(H, W\), grey and without a channel; got \(1, 4, 4\)"),
        (np.full((4, 4), 200, np.uint8), r"in \[0, 1\], scaled by its dtype's range; got 200.0 to 200.0"),
        (np.full((4, 4), np.nan), "image must be finite"),
        (np.zeros((1, 4)), r"at least 2 x 2 pixels for a gradient; got \(1, 4\)"),
    ],
)
def test_a_malformed_image_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image_statistics(image, __file__)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        image_statistics(np.zeros((4, 4)), "nowhere.png")


def test_pca_reconstructs_its_family_and_nothing_else() -> None:
    train, test = smooth_images(50, 0), smooth_images(4, 1)
    test[2, 4:8, 4:8] += 0.3
    scores = pca_residual_scores(train, test, n_components=2)
    assert scores.shape == (4,)
    assert scores[[0, 1, 3]] == pytest.approx(0, abs=1e-9)
    assert scores[2] > 0.01


def test_pca_residual_agrees_with_a_plain_svd() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.random((30, 6, 5)), rng.random((7, 6, 5))
    mean = train.reshape(30, -1).mean(axis=0)
    axes = np.linalg.svd(train.reshape(30, -1) - mean)[2][:4]
    centred = test.reshape(7, -1) - mean
    expected = np.abs(centred - centred @ axes.T @ axes).mean(axis=1)
    assert pca_residual_scores(train, test, n_components=4) == pytest.approx(expected)


def test_smoothing_cancels_texture_and_keeps_a_coarse_residual() -> None:
    train = 0.05 + 0.9 * smooth_images(50, 0, size=32)
    texture, blob = 0.05 + 0.9 * smooth_images(2, 1, size=32)
    texture = texture + 0.05 * (-1.0) ** np.indices((32, 32)).sum(axis=0)
    blob[8:24, 8:24] += 0.1
    raw = pca_residual_scores(train, np.stack([texture, blob]), n_components=2)
    smoothed = pca_residual_scores(train, np.stack([texture, blob]), n_components=2, smoothing_sigma=2)
    assert smoothed[0] < 0.05 * raw[0]
    assert smoothed[1] > 0.5 * raw[1]


def test_clahe_is_applied_to_both_sets() -> None:
    train, test = smooth_images(20, 0), smooth_images(3, 1)
    equalised = [np.stack([equalize_adapthist(image) for image in images]) for images in (train, test)]
    assert pca_residual_scores(train, test, 2, clahe=True) == pytest.approx(pca_residual_scores(*equalised, 2))


def test_test_images_are_scored_one_by_one() -> None:
    train, test = smooth_images(20, 0), np.random.default_rng(0).random((300, 16, 16))
    scores = pca_residual_scores(train, test, 2, smoothing_sigma=1)
    assert scores[[5, 299]] == pytest.approx(pca_residual_scores(train, test[[5, 299]], 2, smoothing_sigma=1))
    assert pca_residual_scores(train, test[:0], 2).shape == (0,)


@pytest.mark.parametrize(
    ("train", "test", "settings", "message"),
    [
        (np.zeros((4, 8, 8)), np.zeros((2, 8, 9)), {"n_components": 2}, r"must have one size; got \(8, 8\), \(8, 9\)"),
        (np.zeros((4, 8, 8)), np.zeros((2, 8, 8)), {}, r"n_components must be 1 to 4 for 4 images of \(8, 8\); got 16"),
        (np.zeros((0, 8, 8)), np.zeros((2, 8, 8)), {}, "train_images must hold normal images; got none"),
        (np.zeros((4, 1, 8, 8)), np.zeros((2, 8, 8)), {}, r"train_images must be \(n, H, W\)"),
        (
            np.zeros((4, 8, 8)),
            np.full((2, 8, 8), -1),
            {"n_components": 2},
            r"test_images must be finite and in \[0, 1\]",
        ),
        (np.zeros((4, 8, 8)), np.zeros((2, 8, 8)), {"n_components": 2, "smoothing_sigma": -1}, "smoothing_sigma"),
    ],
)
def test_malformed_images_and_settings_are_refused(
    train: np.ndarray, test: np.ndarray, settings: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pca_residual_scores(train, test, **settings)


@needs_kermany
def test_kermany_is_told_apart_without_a_model() -> None:
    normal, abnormal = kermany("test", "normal"), kermany("test", "abnormal")
    statistics = [image_statistics(read(path), path) for path in normal + abnormal]
    labels = [0] * len(normal) + [1] * len(abnormal)
    auroc = {name: compute_auroc([entry[name] for entry in statistics], labels) for name in statistics[0]}
    assert auroc["minus_mean_gradient"] == pytest.approx(0.84, abs=0.01)
    assert auroc["minus_file_size"] == pytest.approx(0.838, abs=0.001)


@pytest.fixture(scope="module")
def kermany64() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training normals, test images and test labels at 64 px."""
    normal, abnormal = kermany("test", "normal"), kermany("test", "abnormal")
    train = np.stack([read(path, 64) for path in kermany("train", "normal")])
    test = np.stack([read(path, 64) for path in normal + abnormal])
    return train, test, np.arange(len(test)) >= len(normal)


@needs_kermany
@pytest.mark.parametrize(
    ("clahe", "smoothing_sigma", "expected"), [(False, 0.0, 0.513), (False, 2.0, 0.656), (True, 2.0, 0.853)]
)
def test_kermany_is_told_apart_by_a_linear_model(
    kermany64: tuple[np.ndarray, np.ndarray, np.ndarray], clahe: bool, smoothing_sigma: float, expected: float
) -> None:
    train, test, labels = kermany64
    scores = pca_residual_scores(train, test, 16, clahe, smoothing_sigma)
    assert compute_auroc(scores, labels) == pytest.approx(expected, abs=0.005)
