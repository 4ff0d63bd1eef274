from __future__ import annotations

import pytest
import torch
from monai.transforms import Compose

from imgae_monai.data import MemoryBudget, plan_cache
from imgae_monai.data.cache_plan import ITEM_OVERHEAD, item_bytes, measure_item
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import RestoreUnitd, StoreCompactd

KB = 1000


def plan(n: int, kilobytes: int, budget: MemoryBudget, **options):
    return plan_cache(n, kilobytes * KB, budget, **options)


def budget(kilobytes: float) -> MemoryBudget:
    """A budget that has so much for caches."""
    whole = MemoryBudget(0)
    whole.left = int(kilobytes * KB)
    return whole


def test_what_fits_is_kept_in_memory_and_paid_for():
    memory = budget(1000)
    chosen = plan(100, 10, memory)
    assert (chosen.cache, chosen.cache_num) == ("memory", 100)
    assert memory.left == 0
    assert chosen.reason == ("100 images of 10.0 kB make 1.0 MB, the budget leaves 1.0 MB: 100 are kept in memory")


def test_what_does_not_fit_goes_to_disk_where_there_is_a_folder(tmp_path):
    memory = budget(999)
    chosen = plan(100, 10, memory, cache_dir=tmp_path / "deep" / "cache")
    assert (chosen.cache, chosen.cache_num) == ("persistent", 0)
    assert memory.left == 999 * KB
    assert "kept on disk in" in chosen.reason


def test_a_full_disk_is_not_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 999 * KB}))
    assert plan(100, 10, budget(999), cache_dir=tmp_path).cache == "smart"


def test_without_a_folder_a_window_moves_over_the_data():
    memory = budget(500)
    chosen = plan(100, 10, memory, replace_rate=0.25)
    assert (chosen.cache, chosen.cache_num) == ("smart", 40)  # 40 + 10 replacements held ready
    assert memory.left == 0
    assert "a window of 40, of which 25% are replaced after each" in chosen.reason


def test_validation_sees_every_image_every_time():
    memory = budget(500)
    chosen = plan(100, 10, memory, whole=True)
    assert (chosen.cache, chosen.cache_num) == ("memory", 50)
    assert "50 are kept in memory, the other 50 are decoded whenever they are read" in chosen.reason
    assert plan(100, 10, budget(500), cache="smart", whole=True).cache == "memory"


@pytest.mark.parametrize("kilobytes", [0, 99])
def test_too_little_for_a_tenth_means_no_cache(kilobytes):
    chosen = plan(100, 10, budget(kilobytes))
    assert (chosen.cache, chosen.cache_num) == ("none", 0)
    assert "every image is decoded whenever it is read" in chosen.reason


def test_two_data_sets_share_one_budget():
    memory = budget(1200)
    assert plan(20, 10, memory, whole=True).cache == "memory"
    chosen = plan(100, 10, memory)
    assert (chosen.cache, chosen.cache_num) == ("memory", 100)
    assert plan(100, 10, memory).cache == "none"


def test_cache_rate_bounds_the_share_in_memory():
    assert plan(100, 10, budget(10_000), cache_rate=0.3).cache_num == 30
    assert plan(100, 10, budget(10_000), cache_rate=0.0).cache == "none"


def test_a_cache_by_name_is_taken_at_its_word(tmp_path):
    assert plan(100, 10, budget(10_000), cache="none").cache == "none"
    assert plan(100, 10, budget(500), cache="memory").cache_num == 50
    assert plan(100, 10, budget(10_000), cache="persistent", cache_dir=tmp_path).cache == "persistent"
    assert plan(100, 10, budget(900), cache="smart").cache_num == 72


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache": "persistent"}, "cache 'persistent' needs a cache_dir"),
        ({"cache": "smart"}, "a moving window of images needs room for at least one and less than all"),
        ({"cache_rate": 1.5}, r"cache_rate must be in \[0, 1\], got 1.5"),
        ({"replace_rate": 0}, r"replace_rate must be in \(0, 1\], got 0"),
    ],
)
def test_the_impossible_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        plan(100, 10, budget(10_000), **options)


def test_an_unknown_cache_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="memory"):
        plan(100, 10, budget(10_000), cache="memorie")


def test_bytes_of_an_item_are_those_of_its_arrays():
    assert item_bytes({"image": torch.zeros(1, 8, 8, dtype=torch.float16), "label": 1, "more": [torch.zeros(3)]}) == 140
    assert item_bytes("text") == 0


def test_an_item_is_measured_after_the_deterministic_transforms():
    data = [{"image": torch.zeros(1, 8, 8), "label": 0} for _ in range(5)]
    data[4] = {"image": torch.full((1, 8, 8), 0.123), "label": 0}  # the largest counts: two bytes a pixel
    transform = Compose([StoreCompactd("image"), RestoreUnitd("image")])
    assert measure_item(data, transform) == 2 * 64 + ITEM_OVERHEAD
    assert measure_item(data[:4], transform) == 64 + ITEM_OVERHEAD
