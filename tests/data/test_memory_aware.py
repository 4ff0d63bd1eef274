"""Every cache gives the same images; what differs is where they are kept."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, EnsureTyped, RandFlipd, RandGaussianNoised
from PIL import Image

from imgae_monai.data import (
    CompactCacheDataset,
    DiskCacheDataset,
    MemoryBudget,
    MovingCacheDataset,
    cached_bytes,
    lower_cache,
    memory_aware_dataset,
)
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import LoadGrayscaled, RestoreUnitd, StoreCompactd

N = 24


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> list[dict]:
    """Each picture is of one grey value, its number."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(N):
        Image.fromarray(np.full((20, 20), i, dtype=np.uint8)).save(folder / f"{i:03}.png")
    return [{"image": str(p), "image_path": str(p), "label": 0} for p in sorted(folder.iterdir())]


def pipeline(dtype: str = "auto") -> Compose:
    load = [LoadGrayscaled("image"), EnsureTyped("image", track_meta=False)]
    return Compose([*load, StoreCompactd("image", dtype), RestoreUnitd("image"), RandFlipd("image", prob=0.5)])


def build(items, kilobytes: float, **options):
    settings = {"progress": False, "seed": 3} | options
    return memory_aware_dataset(items, pipeline(), MemoryBudget(kilobytes * 1e-6 / 0.9), **settings)


def numbers(dataset, **options) -> list[int]:
    loader = DataLoader(dataset, batch_size=5, **options)
    return [round(float(image.mean()) * 255) for batch in loader for image in batch["image"]]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("kilobytes", "options", "kind"),
    [
        (1000, {}, CompactCacheDataset),
        (40, {"whole": True}, CompactCacheDataset),
        (40, {"cache_dir": "disk"}, DiskCacheDataset),
        (0, {}, Dataset),
        (1000, {"cache": "none"}, Dataset),
    ],
)
def test_every_epoch_of_every_cache_has_every_image(items, kilobytes, options, kind, workers, tmp_path):
    if "cache_dir" in options:
        options = {"cache_dir": tmp_path / "disk"}
    dataset = build(items, kilobytes, **options)
    assert type(dataset) is kind
    for _ in range(2):
        assert numbers(dataset, num_workers=workers) == list(range(N))


@pytest.mark.parametrize("cache_num", [N, 10])
def test_spawned_workers_get_the_cache(items, cache_num, tmp_path):
    copies = [{**item, "image": shutil.copy(item["image"], tmp_path)} for item in items]
    dataset = build(copies, 1000)
    dataset.shrink(cache_num)
    for item in copies[:cache_num]:
        Path(item["image"]).unlink()  # only the cache has them now
    assert numbers(dataset, num_workers=1, multiprocessing_context="spawn") == list(range(N))
    assert numbers(dataset) == list(range(N))


def test_a_moving_window_is_not_handed_to_spawned_workers(items):
    with pytest.raises(InputError, match="cache 'smart' can't be handed to workers that are spawned"):
        numbers(build(items, 40), num_workers=1, multiprocessing_context="spawn")


def test_the_choice_is_logged_with_its_reason(items, caplog):
    with caplog.at_level(logging.INFO):
        build(items, 1000, name="training images")
    assert f"training images: {N} images of 3.4 kB make 0.1 MB, the budget leaves 1.0 MB: {N} are kept" in caplog.text


def test_images_are_decoded_once_and_kept_in_one_byte_a_pixel(items, monkeypatch):
    reads: list[str] = []
    real = LoadGrayscaled.__call__
    monkeypatch.setattr(LoadGrayscaled, "__call__", lambda self, d: reads.append(d["image"]) or real(self, d))
    dataset = build(items, 1000)
    numbers(dataset)
    n_measured = 8
    assert len(reads) == N + n_measured
    numbers(dataset)
    assert len(reads) == N + n_measured
    assert cached_bytes(dataset) == N * 400


def test_a_random_transform_does_not_change_what_is_cached(items):
    dataset = build(items, 1000)
    before = dataset._cache[7]["image"].clone()
    for _ in range(4):
        dataset[7]["image"].mul_(0)
    assert torch.equal(dataset._cache[7]["image"], before)


def test_a_window_moves_over_all_images(items):
    dataset = build(items, 40)
    assert type(dataset) is MovingCacheDataset
    assert len(dataset) == 9  # 9 images and a quarter more of 3.4 kB
    seen = set()
    dataset.start()
    for _ in range(2 * N):
        window = numbers(dataset)
        assert len(set(window)) == 9
        seen |= set(window)
        dataset.update_cache()
    dataset.shutdown()
    assert seen == set(range(N))


def test_the_seed_orders_the_window(items):
    windows = [numbers(build(items, 40, seed=seed)) for seed in (3, 3, 4)]
    assert windows[0] == windows[1]
    assert windows[0] != windows[2]


@pytest.mark.parametrize("kilobytes", [40, 1000])
@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_differs_by_worker_and_epoch_and_repeats_by_seed(items, kilobytes, workers):
    def noise(seed: int) -> list[float]:
        """What a random transform drew for every image of two epochs."""
        noisy = Compose([*pipeline().transforms[:-1], RandGaussianNoised("image", prob=1.0, std=1.0)])
        budget = MemoryBudget(kilobytes * 1e-6 / 0.9)
        dataset = memory_aware_dataset(items, noisy, budget, progress=False, seed=3)
        torch.manual_seed(seed)
        loader = DataLoader(dataset, batch_size=2, num_workers=workers)
        return [float(image.std()) for _ in range(2) for batch in loader for image in batch["image"]]

    first = noise(0)
    assert len(set(first)) == len(first)
    assert noise(0) == first
    assert noise(1) != first


def test_a_failure_between_check_and_step_is_not_lost(items, tmp_path):
    data = spoilt(items, tmp_path)
    seed = next(s for s in range(50) if N - 1 in np.random.RandomState(s).permutation(N)[9:12])
    dataset = MovingCacheDataset(data, pipeline(), 9, 0.25, seed=seed, progress=False)
    dataset.start()
    with pytest.raises(RuntimeError):
        move(dataset, 1)
    assert all(isinstance(item, dict) for item in dataset._cache)
    dataset.shutdown()


def move(dataset, n_epochs: int) -> None:
    for _ in range(n_epochs):
        dataset.update_cache()


def spoilt(items, tmp_path) -> list[dict]:
    bad = tmp_path / "bad.png"
    bad.write_bytes(Path(items[0]["image"]).read_bytes()[:40])
    return [*items[:-1], {"image": str(bad), "image_path": str(bad), "label": 0}]


def test_an_unreadable_replacement_is_an_error_and_not_a_hang(items, tmp_path):
    data = spoilt(items, tmp_path)
    seed = next(s for s in range(50) if np.random.RandomState(s).permutation(N)[:9].max() < N - 1)
    dataset = MovingCacheDataset(data, pipeline(), 9, 0.25, seed=seed, progress=False)
    dataset.start()
    with pytest.raises(RuntimeError) as e:
        move(dataset, 2 * N)
    assert isinstance(e.value.__cause__, InputError)
    assert "bad.png" in str(e.value.__cause__)
    dataset.shutdown()


def test_an_unreadable_image_is_named_while_the_cache_is_filled(items, tmp_path):
    with pytest.raises(RuntimeError) as e:
        build(spoilt(items, tmp_path), 1000)
    assert isinstance(e.value.__cause__, InputError)
    assert "bad.png" in str(e.value.__cause__)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_lowered_cache_still_gives_every_image(items, workers):
    dataset = build(items, 1000)
    assert lower_cache(dataset, 10 * 400 - 1) == 10
    assert cached_bytes(dataset) == (N - 10) * 400
    assert numbers(dataset, num_workers=workers) == list(range(N))
    assert lower_cache(dataset, 10**9) == N - 10
    assert cached_bytes(dataset) == 0
    assert numbers(dataset, num_workers=workers) == list(range(N))
    assert lower_cache(dataset, 1) == 0


def test_a_window_gets_smaller_and_still_moves_over_all_images(items):
    dataset = build(items, 40)
    dataset.start()
    dataset.update_cache()
    assert lower_cache(dataset, 5 * 400) == 5
    assert len(dataset) == 4
    seen = set()
    for _ in range(2 * N):
        window = numbers(dataset)
        assert len(set(window)) == 4
        seen |= set(window)
        dataset.update_cache()
    assert seen == set(range(N))
    assert lower_cache(dataset, 10**9) == 3
    assert len(numbers(dataset)) == 1
    dataset.shutdown()


@pytest.mark.parametrize("cache_num", [-1, N + 1])
def test_a_cache_cannot_grow(items, cache_num):
    with pytest.raises(ValueError, match=f"cache_num must be between 0 and {N}, got {cache_num}"):
        build(items, 1000).shrink(cache_num)
    with pytest.raises(ValueError, match=f"cache_num must be between 1 and 9, got {cache_num}"):
        build(items, 40).shrink(cache_num)


def test_other_data_sets_hold_nothing(items):
    dataset = build(items, 0)
    assert cached_bytes(dataset) == 0
    assert lower_cache(dataset, 100) == 0


def test_images_on_disk_are_found_again_and_only_by_the_same_transforms(items, tmp_path):
    numbers(build(items, 40, cache_dir=tmp_path))
    files = {p.name for p in tmp_path.iterdir()}
    assert len(files) == N
    numbers(build(items, 40, cache_dir=tmp_path))
    assert {p.name for p in tmp_path.iterdir()} == files
    other = memory_aware_dataset(
        items, pipeline("float32"), MemoryBudget(0.0), "persistent", cache_dir=tmp_path, progress=False
    )
    numbers(other)
    assert len({p.name for p in tmp_path.iterdir()}) == 2 * N


def test_another_process_finds_images_on_disk(items, tmp_path):
    script = (
        "import sys, json\n"
        "from tests.data.test_memory_aware import build, numbers\n"
        "print(numbers(build(json.loads(sys.argv[1]), 40, cache_dir=sys.argv[2])))\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, json.dumps(items), str(tmp_path)], check=True)
        assert len(list(tmp_path.iterdir())) == N


def test_a_changed_file_is_not_taken_from_disk(items, tmp_path):
    first = [{**item, "sha256": "a"} for item in items]
    numbers(build(first, 40, cache_dir=tmp_path))
    numbers(build([{**item, "sha256": "b"} for item in items], 40, cache_dir=tmp_path))
    assert len(list(tmp_path.iterdir())) == 2 * N
