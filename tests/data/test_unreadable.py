"""An image that can't be read is left out of its batch, whatever holds the images and whoever loads them."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, list_data_collate
from monai.transforms import Compose, EnsureTyped, RandFlipd
from PIL import Image

from imgae_monai.data import (
    CompactCacheDataset,
    DiskCacheDataset,
    MemoryBudget,
    MovingCacheDataset,
    SkippedImage,
    SkippedImages,
    collate_readable,
    left_out,
    memory_aware_dataset,
)
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import LoadGrayscaled, RestoreUnitd, StoreCompactd

N = 16
BAD = 5


@pytest.fixture
def items(tmp_path) -> list[dict]:
    """Each picture is of one grey value, its number; one ends early."""
    for i in range(N):
        Image.fromarray(np.full((20, 20), i, dtype=np.uint8)).save(tmp_path / f"{i:03}.png")
    spoil(tmp_path / f"{BAD:03}.png")
    return [{"image": str(p), "image_path": str(p), "label": 0} for p in sorted(tmp_path.iterdir())]


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def pipeline() -> Compose:
    load = [LoadGrayscaled("image"), EnsureTyped("image", track_meta=False)]
    return Compose([*load, StoreCompactd("image"), RestoreUnitd("image"), RandFlipd("image", prob=0.5)])


def build(items, kilobytes: float, **options):
    budget = MemoryBudget(kilobytes * 1e-6 / 0.9)
    return memory_aware_dataset(items, pipeline(), budget, progress=False, on_unreadable="skip", **options)


def epoch(dataset, workers: int) -> tuple[list[int], list[SkippedImage], list[int]]:
    """Images, what was left out, and batch sizes."""
    loader = DataLoader(dataset, batch_size=4, num_workers=workers, collate_fn=collate_readable)
    batches = list(loader)
    values = [round(255 * float(image.max())) for batch in batches for image in batch["image"]]
    assert all(len(batch["image"]) == len(batch["image_path"]) == len(batch["label"]) for batch in batches)
    return values, [s for batch in batches for s in left_out(batch)], [len(batch["image"]) for batch in batches]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("kilobytes", "options", "kind"),
    [
        (1000, {}, CompactCacheDataset),
        (30, {"whole": True}, CompactCacheDataset),  # a part in memory
        (30, {"cache_dir": "disk"}, DiskCacheDataset),
        (0, {"cache": "none"}, Dataset),
    ],
)
def test_only_the_unreadable_image_is_missing(items, kilobytes, options, kind, workers, tmp_path):
    if "cache_dir" in options:
        options = {"cache_dir": tmp_path / "disk"}
    dataset = build(items, kilobytes, **options)
    assert type(dataset) is kind
    for _ in range(2):
        values, skipped, sizes = epoch(dataset, workers)
        assert values == [i for i in range(N) if i != BAD]
        assert [image.path for image in skipped] == [items[BAD]["image"]]
        assert skipped[0].reason.startswith(f"cannot read {items[BAD]['image']}: ")
        assert sizes == [4, 3, 4, 4]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_moving_window_moves_on_over_it(items, workers):
    dataset = build(items, 30, cache="smart")
    assert type(dataset) is MovingCacheDataset
    seen, missing = set(), set()
    dataset.start()
    for _ in range(N):
        values, skipped, _ = epoch(dataset, workers)
        seen |= set(values)
        missing |= {image.path for image in skipped}
        dataset.update_cache()
    dataset.shutdown()
    assert seen == set(range(N)) - {BAD}
    assert missing == {items[BAD]["image"]}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("kilobytes", "options"), [(0, {"cache": "none"}), (30, {"whole": True}), (30, {})])
def test_a_file_that_goes_bad_between_epochs_is_left_out_from_then_on(items, kilobytes, options, workers):
    dataset = build(items, kilobytes, **options)
    late = dataset.data[-1]  # not one that is in memory
    assert late["image"] not in {image.path for image in epoch(dataset, workers)[1]}
    spoil(Path(late["image"]))
    missing = set()
    for _ in range(N if isinstance(dataset, MovingCacheDataset) else 1):
        if isinstance(dataset, MovingCacheDataset):
            dataset.update_cache()
        missing |= {image.path for image in epoch(dataset, workers)[1]}
    assert missing == {late["image"], items[BAD]["image"]}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_goes_on_after_it(workers, tmp_path):
    datasets = pytest.importorskip("datasets")
    from imgae_monai.data import load_datalist
    from tests.data.hub_data import png, write_shards

    images = [png(i) for i in range(N)]
    images[BAD] = images[BAD][:40]
    columns = {"image": [{"bytes": image, "path": None} for image in images], "label": ["normal"] * N}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    write_shards(tmp_path / "data", "train", datasets.Dataset.from_dict(columns, features=features), 2)
    data = load_datalist(f"hf://{tmp_path}?streaming=true", ["normal"], ["ill"], val_fraction=0.1)
    train = data.select("train", 0)
    numbers = {int(item["image"].rpartition("/")[2]) for item in train}
    assert BAD in numbers
    dataset = build(train, 1000, batch_size=4)
    for n in range(2):
        dataset.set_epoch(n)
        values, skipped, _ = epoch(dataset, workers)
        assert sorted(values) == sorted(numbers - {BAD})
        assert len(skipped) == 1


def test_a_batch_of_which_nothing_is_left_is_an_error(items):
    loader = DataLoader(build(items, 0), batch_size=1, collate_fn=collate_readable)
    with pytest.raises(InputError, match=r"none of a batch's 1 image\(s\) can be read, .*005\.png first"):
        list(loader)


def test_what_is_no_image_error_is_not_skipped(items):
    with pytest.raises((RuntimeError, KeyError), match="image"):
        build([{"label": 0}, *items], 0, cache="none")


def test_without_the_switch_it_is_an_error(items):
    with pytest.raises(RuntimeError) as e:
        memory_aware_dataset(items, pipeline(), MemoryBudget(1.0), progress=False)
    assert "005.png" in str(e.value.__cause__)
    with pytest.raises(ValueError, match="skip"):
        memory_aware_dataset(items, pipeline(), MemoryBudget(1.0), on_unreadable="skipp")


def test_a_full_cache_folder_is_not_taken_for_a_bad_image(items, tmp_path):
    dataset = build(items, 0, cache="persistent", cache_dir=tmp_path / "disk")
    shutil.rmtree(tmp_path / "disk")
    with pytest.raises(InputError, match="cannot write to the cache_dir"):
        dataset[0]


def test_no_image_at_all_is_an_error(items):
    for item in items:
        Path(item["image"]).write_bytes(b"")
    with pytest.raises(InputError, match="none of 8 images can be read"):
        build(items, 1000)


def test_a_whole_batch_is_monais_own(items):
    batch = [{"image": torch.zeros(1, 2, 2), "label": i} for i in range(3)]
    ours, monais = collate_readable(batch), list_data_collate(batch)
    assert type(ours) is dict
    assert ours.keys() == monais.keys()
    assert torch.equal(ours["label"], monais["label"])
    assert left_out(ours) == ()


def test_the_list_names_an_image_once_and_can_be_stored(caplog, tmp_path):
    first, second = SkippedImage("a.png", "cannot read a.png: x"), SkippedImage("b.png", "cannot read b.png: y")
    images = SkippedImages()
    with caplog.at_level(logging.WARNING):
        images.add([first, first])
        images.add([first, second])
    assert [r.getMessage().split()[0] for r in caplog.records] == ["a.png", "b.png"]
    expected = [
        {"path": "a.png", "reason": "cannot read a.png: x"},
        {"path": "b.png", "reason": "cannot read b.png: y"},
    ]
    assert images.to_list() == expected
    again, read = SkippedImages(), SkippedImages()
    again.load_state_dict(images.state_dict())
    (tmp_path / "train.json").write_text(json.dumps({"skipped_images": images.to_list()}))
    read.read_record(tmp_path / "absent.json")
    with pytest.raises(InputError, match=r"cannot read a\.png: x\. Training could read a\.png"):
        read.check_listed([first])
    read.read_record(tmp_path / "train.json")
    assert again.to_list() == read.to_list() == expected
    read.check_listed([first, second])
