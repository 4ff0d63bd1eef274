import pytest
import torch
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, OneOf

from imgae_monai.transforms import FixedCorruptiond, RandCoarseNoised, RandForeignWeightd, RandMaskPatchesd

CLEAN = torch.full((1, 8, 8), 0.5)


def corruption() -> list:
    return [OneOf([RandCoarseNoised(), RandMaskPatchesd(patch_sizes=[2])]), RandForeignWeightd("corrupted")]


def item(name: str) -> dict:
    return {"sha256": name, "corrupted": CLEAN}


def same(a: dict, b: dict) -> bool:
    return torch.equal(a["corrupted"], b["corrupted"]) and torch.equal(a["foreign_weight"], b["foreign_weight"])


def test_an_image_is_corrupted_alike_whenever_and_wherever():
    one, other = (FixedCorruptiond(corruption(), seed=3) for _ in range(2))
    first = {name: one(item(name)) for name in "abcdef"}
    again = {name: other(item(name)) for name in "fedcba"}  # another order, another object
    assert all(same(first[name], again[name]) for name in "abcdef")
    assert all(same(first[name], one(item(name))) for name in "abcdef")
    assert not torch.equal(first["a"]["corrupted"], CLEAN)


def test_images_and_seeds_differ():
    fixed = FixedCorruptiond(corruption(), seed=3)
    made = [fixed(item(name)) for name in "abcdef"] + [FixedCorruptiond(corruption(), seed=4)(item("a"))]
    assert not any(same(a, b) for i, a in enumerate(made) for b in made[:i])


def test_the_random_transforms_that_it_was_given_are_left_alone():
    given, alone = (Compose([RandCoarseNoised()]).set_random_state(5) for _ in range(2))
    fixed = FixedCorruptiond(given.transforms)
    for _ in range(3):
        fixed(item("a"))
        assert torch.equal(given(item("a"))["corrupted"], alone(item("a"))["corrupted"])


@pytest.mark.parametrize("num_workers", [0, 2])
def test_two_epochs_are_alike_and_the_cache_holds_clean_images(num_workers):
    items = [{**item(name), "image": CLEAN} for name in "abcd"]
    data = CacheDataset(items, Compose([FixedCorruptiond(corruption())]), progress=False, copy_cache=False)
    loader = DataLoader(data, batch_size=2, num_workers=num_workers)
    epochs = [torch.cat([batch["corrupted"] for batch in loader]) for _ in range(2)]
    assert torch.equal(*epochs)
    assert all("foreign_weight" not in cached and torch.equal(cached["corrupted"], CLEAN) for cached in data._cache)


def test_an_item_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"told apart by 'sha256'.*has only image"):
        FixedCorruptiond(corruption())({"image": CLEAN})
