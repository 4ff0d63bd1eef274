from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import RandomizableTrait

from imgae_monai.transforms import RestoreUnit, RestoreUnitd, StoreCompact, StoreCompactd
from imgae_monai.transforms.store_compact import RestoreUnitD, RestoreUnitDict, StoreCompactD, StoreCompactDict

EIGHT_BIT = torch.arange(256).reshape(1, 16, 16) / 255
FINE = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))


def test_eight_bit_images_are_kept_exactly_in_one_byte():
    stored = StoreCompact()(EIGHT_BIT)
    assert stored.dtype == torch.uint8
    assert torch.equal(RestoreUnit()(stored), EIGHT_BIT)


def test_resampled_images_are_kept_in_two_bytes():
    stored = StoreCompact()(FINE)
    assert stored.dtype == torch.float16
    assert float((RestoreUnit()(stored) - FINE).abs().max()) <= 2.5e-4


def test_one_value_between_the_steps_is_enough_for_two_bytes():
    image = EIGHT_BIT.clone()
    image[0, 3, 3] += 0.2 / 255
    assert StoreCompact()(image).dtype == torch.float16


@pytest.mark.parametrize(("dtype", "error"), [("float32", 0.0), ("float16", 2.5e-4), ("uint8", 1 / 510 + 1e-6)])
def test_a_type_by_name_keeps_its_error(dtype, error):
    stored = StoreCompact(dtype)(FINE)
    assert str(stored.dtype) == f"torch.{dtype}"
    back = RestoreUnit()(stored)
    assert back.dtype == torch.float32
    assert float((back - FINE).abs().max()) <= error


def test_what_a_resampling_overshoots_does_not_wrap_around():
    stored = StoreCompact("uint8")(torch.tensor([[[-1e-3, 1 + 1e-3]]]))
    assert stored.flatten().tolist() == [0, 255]


def test_metadata_are_dropped():
    stored = StoreCompact("float32")(MetaTensor(FINE, meta={"a": 1}))
    assert type(stored) is torch.Tensor


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_restoring_leaves_the_cache_as_it_is(dtype):
    stored = StoreCompact(dtype)(FINE)
    before = stored.clone()
    RestoreUnit()(stored).mul_(0)
    assert torch.equal(stored, before)


def test_an_unknown_type_is_refused():
    with pytest.raises(ValueError, match="float64"):
        StoreCompact("float64")


def test_caches_end_before_restoring_and_not_before_storing():
    assert isinstance(RestoreUnitd("image"), RandomizableTrait)
    assert isinstance(RestoreUnit(), RandomizableTrait)
    assert not isinstance(StoreCompactd("image"), RandomizableTrait)


def test_dictionary_versions():
    item = {"image": EIGHT_BIT, "label": 1}
    stored = StoreCompactd("image")(item)
    assert stored["image"].dtype == torch.uint8
    assert torch.equal(RestoreUnitd("image")(stored)["image"], EIGHT_BIT)
    assert item["image"] is EIGHT_BIT
    assert StoreCompactd(["image", "mask"], "uint8", allow_missing_keys=True)(item)["label"] == 1
    assert RestoreUnitd(["image", "mask"], allow_missing_keys=True)(stored)["label"] == 1
    assert StoreCompactD is StoreCompactDict is StoreCompactd
    assert RestoreUnitD is RestoreUnitDict is RestoreUnitd
