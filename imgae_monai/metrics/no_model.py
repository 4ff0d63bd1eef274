"""Anomaly scores that need no trained network, to be reported beside any model's on the same split.

Where normal and abnormal images went through different cameras, resizing or compression, the sharpness or the file size
alone tells them apart, and a model's AUROC is no evidence of having learned anything. Each score here is raw and higher
is more abnormal *as these statistics usually go*; an AUROC below one half is the same shortcut with its sign turned.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TOLERANCE = 1e-3  # what interpolation may overshoot
_CHUNK_IMAGES = 256


def image_statistics(image: ArrayLike, path: str | Path) -> dict[str, float]:
    """First-order statistics of one image, its size and the size of its file, each usable as an anomaly score.

    The gradient is the mean absolute first difference, averaged over both axes. It is negated, and so is the file
    size, because an opacity makes a radiograph smoother and its JPEG smaller.

    Args:
        image: grey image (H, W) in [0, 1], at the resolution of the file: resizing changes the gradient.
        path: the file that it was read from, or a reference into a container (which tells no image's own file size).

    Returns:
        ``mean`` and ``std`` (intensity), ``minus_mean_gradient`` (intensity per pixel), ``aspect`` (width / height),
        ``n_pixels``, and for a file of its own ``minus_file_size`` (bytes).

    Raises:
        ValueError: the image is not a finite (H, W) array in [0, 1] of at least 2 x 2 pixels.
        FileNotFoundError: there is no such file.

    Example:
        >>> statistics = image_statistics(np.array([[0.0, 1.0], [0.0, 1.0]]), __file__)
        >>> statistics["mean"], statistics["minus_mean_gradient"]
        (0.5, -0.5)
    """
    grey = _check_images(image, "image", "(H, W)")
    if min(grey.shape) < 2:
        raise ValueError(f"image must have at least 2 x 2 pixels for a gradient; got {grey.shape}")
    gradient = (np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2
    statistics = {
        "mean": float(grey.mean()),
        "std": float(grey.std()),
        "minus_mean_gradient": -float(gradient),
        "aspect": grey.shape[1] / grey.shape[0],
        "n_pixels": float(grey.size),
    }
    from imgae_monai.data.image_reference import split_reference  # brings MONAI, which plots need not load

    file, fragment = split_reference(path)
    if not fragment:
        statistics["minus_file_size"] = -float(file.stat().st_size)
    return statistics


def mean_distance_scores(train_images: ArrayLike, test_images: ArrayLike) -> NDArray[np.float64]:
    """Root mean squared difference from the mean normal image.

    Args:
        train_images: normal grey images (n, H, W) in [0, 1].
        test_images: grey images (m, H, W) in [0, 1], of the same height and width.

    Returns:
        Raw scores (m,), in intensity, higher is more abnormal.

    Raises:
        ValueError: the images are not finite arrays in [0, 1] of one size.

    Example:
        >>> mean_distance_scores(np.full((3, 2, 2), 0.5), np.stack([np.full((2, 2), 0.5), np.ones((2, 2))]))
        array([0. , 0.5])
    """
    mean = _check_images(train_images, "train_images", "(n, H, W)").mean(axis=0)
    return _scores_by_chunk(test_images, mean.shape, lambda x: np.sqrt(np.square(x - mean).mean(axis=(1, 2))))


def pca_residual_scores(
    train_images: ArrayLike,
    test_images: ArrayLike,
    n_components: int = 16,
    clahe: bool = False,
    smoothing_sigma: float = 0.0,
) -> NDArray[np.float64]:
    """Mean absolute residual of a linear reconstruction: what the simplest autoencoder of all would score.

    Principal components are fitted to normal images; the score of x is the mean of |G(x - x^)|, with G a Gaussian.
    G smooths the signed residual, so that fine texture cancels and coarse structure stays; smoothing |x - x^| would
    leave its mean, and so the score, as it is.

    Source: Jackson and Mudholkar, "Control procedures for residuals associated with principal component analysis",
    Technometrics 21, 1979; Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994
    (scikit-image's ``equalize_adapthist`` with its defaults).

    Args:
        train_images: normal grey images (n, H, W) in [0, 1].
        test_images: grey images (m, H, W) in [0, 1], of the same height and width.
        n_components: dimensions of the linear model, at most min(n, H * W).
        clahe: equalise the local contrast of every image first.
        smoothing_sigma: standard deviation of G in pixels; 0 for none.

    Returns:
        Raw scores (m,), higher is more abnormal.

    Raises:
        ValueError: the images are not finite arrays in [0, 1] of one size, or a setting is out of range.

    Example:
        >>> ramps = np.linspace(0, 1, 8)[:, None, None] * np.ones((8, 4, 4))
        >>> scores = pca_residual_scores(ramps, np.stack([ramps[3], np.eye(4)]), n_components=1)
        >>> bool(scores[1] > scores[0])
        True
    """
    from scipy.ndimage import gaussian_filter
    from sklearn.decomposition import PCA

    train = _check_images(train_images, "train_images", "(n, H, W)")
    most = min(len(train), train[0].size)
    if not 1 <= n_components <= most:
        raise ValueError(
            f"n_components must be 1 to {most} for {len(train)} images of {train.shape[1:]}; got {n_components}"
        )
    if smoothing_sigma < 0:
        raise ValueError(f"smoothing_sigma must be 0 or more pixels; got {smoothing_sigma}")

    model = PCA(n_components, random_state=0)
    model.fit(_prepare(train, clahe).reshape(len(train), -1))

    def score(images: NDArray[Any]) -> NDArray[Any]:
        images = _prepare(images, clahe)
        flat = images.reshape(len(images), -1)
        residuals = (flat - model.inverse_transform(model.transform(flat))).reshape(images.shape)
        if smoothing_sigma > 0:
            residuals = gaussian_filter(residuals, sigma=(0, smoothing_sigma, smoothing_sigma))
        return np.abs(residuals).mean(axis=(1, 2))

    return _scores_by_chunk(test_images, train.shape[1:], score)


def _scores_by_chunk(
    test_images: ArrayLike, size: tuple[int, ...], score: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float64]:
    """Scores of checked images; only a chunk of them is held in float64."""
    test = np.asarray(test_images)
    if test.ndim == 3 and test.shape[1:] != size:
        raise ValueError(f"train_images and test_images must have one size; got {size}, {test.shape[1:]}")
    starts = range(0, max(1, len(test)), _CHUNK_IMAGES)
    chunks = (_check_images(test[start : start + _CHUNK_IMAGES], "test_images", "(m, H, W)") for start in starts)
    scores = [score(chunk) for chunk in chunks if len(chunk)]
    return np.concatenate(scores) if scores else np.empty(0)


def _prepare(images: NDArray[Any], clahe: bool) -> NDArray[Any]:
    if not clahe:
        return images
    from skimage.exposure import equalize_adapthist

    return np.stack([equalize_adapthist(np.clip(image, 0, 1)) for image in images])


def _check_images(images: ArrayLike, argument: str, shape: str) -> NDArray[Any]:
    values = np.asarray(images, dtype=np.float64)
    if values.ndim != shape.count(",") + 1 or 0 in values.shape[-2:]:
        raise ValueError(f"{argument} must be {shape}, grey and without a channel; got {values.shape}")
    if not values.size:
        if argument == "train_images":
            raise ValueError("train_images must hold normal images; got none")
        return values
    low, high = float(values.min()), float(values.max())
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # also where one of them is NaN
        raise ValueError(f"{argument} must be finite and in [0, 1], scaled by its dtype's range; got {low} to {high}")
    return values
