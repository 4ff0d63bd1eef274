"""Whether an exported file gives what the run gives."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import torch

from imgae_monai.data.image_reference import split_reference
from imgae_monai.exceptions import InputError
from imgae_monai.export.formats import Scorer
from imgae_monai.export.trained_run import Scored

TOLERANCE = 1e-4
_MOST = 16


@dataclasses.dataclass(frozen=True)
class Difference:
    """Largest differences of an exported file to the run's own transforms.

    Args:
        score: of a score, over the larger of the score and the threshold, both without sign.
        anomaly_map: of a pixel, over the larger of the highest pixel and the calibration's ``map_limit``.
        n_images: how many were compared.
    """

    score: float
    anomaly_map: float
    n_images: int


def compare(run: Scorer, expected: Scored, threshold: float, map_limit: float) -> Difference:
    """Run an exported file on one image, and on the others as one batch.

    Args:
        run: see :py:func:`imgae_monai.export.formats.scorer`.
        expected: of the run's own transforms.
        threshold: of the calibration.
        map_limit: of the calibration.
    """
    images = expected.images.numpy()
    parts = [run(images[:1]), *([run(images[1:])] if len(images) > 1 else [])]
    scores, maps = (np.concatenate([part[name] for part in parts]) for name in ("score", "anomaly_map"))
    unit = np.maximum(np.abs(expected.scores.numpy()), max(abs(threshold), 1e-12))
    height = max(float(expected.maps.abs().max()), abs(map_limit), 1e-12)
    return Difference(
        score=float(np.max(np.abs(scores - expected.scores.numpy()) / unit)),
        anomaly_map=float(np.max(np.abs(maps - expected.maps.numpy())) / height),
        n_images=len(images),
    )


def check_difference(difference: Difference, tolerance: float = TOLERANCE) -> None:
    """Make sure that an exported file is as good as the run.

    Raises:
        InputError: when a difference is above the tolerance, or not a number.
    """
    if not (difference.score <= tolerance and difference.anomaly_map <= tolerance):
        raise InputError(
            f"the exported file is not what the run is: scores differ by {difference.score:.2g}, maps by "
            f"{difference.anomaly_map:.2g} (relative), {tolerance:g} is allowed; nothing was written. Choose another "
            "--format or another score"
        )


def normal_images(run: Path, size: tuple[int, ...], folder: Path) -> tuple[list[str], str]:
    """Images to compare with: of the run's normal validation images where they are still there, else drawn ones.

    Args:
        run: folder of the run.
        size: (H, W[, D]) of the network's images.
        folder: empty, for what is drawn.

    Returns:
        at most 16 paths or references, and what they are.
    """
    path = run / "models" / "datalist.json"
    listed = json.loads(path.read_text(encoding="utf-8")).get("validation", []) if path.is_file() else []
    images = [item["image"] for item in listed if item.get("label") == 0 and "://" not in item["image"]]
    found = [image for image in images if split_reference(image)[0].exists()]
    if len(found) > 1:
        step = -(-len(found) // _MOST)
        return found[::step], "normal validation images of the run"
    if len(size) == 2:
        from imgae_monai.data import write_synthetic_dataset

        write_synthetic_dataset(folder, max(32, *size), n_train=_MOST, n_val=1, n_test_normal=1, n_test_abnormal=1)
        return sorted(map(str, (folder / "train").rglob("*.png"))), "drawn phantoms"
    noise = torch.rand((4, *size[-1:], *size[:-1]), generator=torch.Generator().manual_seed(0))
    np.save(folder / "noise.npy", (noise * 255).byte().numpy())
    return [f"{folder / 'noise.npy'}#{i}" for i in range(len(noise))], "volumes of noise"
