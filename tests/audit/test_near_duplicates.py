from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from imgae_monai.audit import near_duplicates
from imgae_monai.audit.measurement import measure_image
from imgae_monai.audit.near_duplicates import MAX_DISTANCE, hash_candidates
from tests.conftest import SHARED

KERMANY = SHARED / "data" / "kermany224"


def pictures(n: int, seed: int, size: int = 96) -> np.ndarray:
    """Pictures of one coarse build with structure of their own, as radiographs are."""
    rng = np.random.default_rng(seed)
    build = gaussian_filter(np.random.default_rng(99).normal(size=(size, size)), 20)
    own = gaussian_filter(rng.normal(size=(n, size, size)), (0, 4, 4))
    images = build / build.std() + own / own.std()
    return (np.clip(images / 8 + 0.5, 0, 1) * 255).astype(np.uint8)


def thumbnails(images) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(i).resize((32, 32), Image.Resampling.BILINEAR)) for i in images])


def recompressed(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=30)
    return np.asarray(Image.open(buffer))


CHANGES = {
    "recompressed": recompressed,
    "resampled": lambda x: np.asarray(Image.fromarray(x).resize((61, 61))),
    "brighter": lambda x: np.clip(x.astype(int) + 20, 0, 255).astype(np.uint8),
    "gamma": lambda x: (255 * (x / 255) ** 1.2).astype(np.uint8),
}


@pytest.mark.parametrize("n", [20, 1500])  # pair by pair, and by hash
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(n, change):
    images = pictures(n, seed=0, size=96 if n == 20 else 64)
    copies = [CHANGES[change](images[i]) for i in (2, 5, 11)]
    found = near_duplicates(np.concatenate([thumbnails(images), thumbnails(copies)]))
    assert [(i, j) for i, j, _ in found] == [(2, n), (5, n + 1), (11, n + 2)]
    assert all(0.98 <= c <= 1.0001 for _, _, c in found)


def test_candidates_are_all_pairs_within_the_distance():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 1 << 63, 300, dtype=np.uint64)
    for k in range(100):  # planted pairs, 0 to 9 bits apart
        bits = rng.choice(64, size=k % 10, replace=False)
        hashes[200 + k] = hashes[k] ^ np.uint64(sum(1 << int(b) for b in bits))
    expected = [
        (i, j)
        for i in range(300)
        for j in range(i + 1, 300)
        if bin(int(hashes[i]) ^ int(hashes[j])).count("1") <= MAX_DISTANCE
    ]
    assert len(expected) >= 70
    assert [tuple(pair) for pair in hash_candidates(hashes)] == expected


def test_flat_thumbnails_and_small_sets_have_no_pairs():
    assert near_duplicates(np.zeros((3, 32, 32), np.uint8)) == []
    assert near_duplicates(thumbnails(pictures(1, 0))) == []
    assert near_duplicates(np.zeros((0, 32, 32), np.uint8)) == []


@pytest.mark.skipif(not KERMANY.is_dir(), reason=f"the development images are not at {KERMANY}")
def test_radiographs_of_different_patients_are_not_taken_for_one():
    with open(KERMANY / "manifest.csv", newline="") as f:
        files = [row["file"] for row in csv.DictReader(f)]
    images = np.stack([measure_image(str(KERMANY / file)).thumbnail for file in files])
    assert near_duplicates(images) == []
    copy = np.asarray(Image.open(KERMANY / files[7]).convert("L").resize((150, 150)))
    assert [(i, j) for i, j, _ in near_duplicates(np.concatenate([images, thumbnails([copy])]))] == [(7, len(files))]
