"""Score images without any model, from the images themselves and normal training images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgae_monai.audit.measurement import Measurement
from imgae_monai.audit.scan import MAX_TRAIN_SMALL, scan_images
from imgae_monai.audit.shortcuts import no_model_scores
from imgae_monai.exceptions import InputError

_CHUNK = 10_000  # images held at a time, 80 MB


def score_split(
    images: Sequence[str],
    train: Sequence[dict[str, Any]],
    window: str = "auto",
    workers: int | None = None,
    n_components: int = 16,
    seed: int = 0,
) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Every score that needs no model, of any number of images.

    Args:
        images: paths or references of the images to score.
        train: items of normal training images, with ``image``, and ``sha256`` where it is known; 2,000 at most are
            drawn. One that can't be read or has other bytes by now is left out.
        window: as in :py:func:`imgae_monai.data.read_image`.
        workers: see :py:func:`imgae_monai.audit.scan_images`.
        n_components: dimensions of the PCA; fewer where there are fewer training images.
        seed: of the choice of training images.

    Returns:
        scores (n,) by name, see :py:func:`imgae_monai.audit.no_model_scores`, and the number of training images that
        mean image and PCA were fitted to.

    Raises:
        InputError: when an image to score can't be read.
    """
    if len(train) > MAX_TRAIN_SMALL:
        chosen = np.random.default_rng(seed).permutation(len(train))[:MAX_TRAIN_SMALL]
        train = [train[i] for i in sorted(chosen)]
    normals = _measure([item["image"] for item in train], "train", window, workers)
    fitted = [m for item, m in zip(train, normals, strict=True) if m.small is not None and _unchanged(item, m)]
    parts: list[dict[str, NDArray[np.float64]]] = []
    for start in range(0, len(images), _CHUNK):
        measured = _measure(images[start : start + _CHUNK], "test", window, workers)
        unreadable = [m.error for m in measured if m.error]
        if unreadable:
            raise InputError(f"{len(unreadable)} image(s) can't be read: {unreadable[0]}")
        parts.append(no_model_scores(fitted, measured, min(n_components, len(fitted))))
    names = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    return {name: np.concatenate([part[name] for part in parts]) for name in names}, len(fitted)


def _measure(images: Sequence[str], split: str, window: str, workers: int | None) -> list[Measurement]:
    return scan_images([{"image": image, "label": 0, "split": split} for image in images], window, workers)


def _unchanged(item: dict[str, Any], measured: Measurement) -> bool:
    return not measured.sha256 or item.get("sha256") in (None, measured.sha256)
