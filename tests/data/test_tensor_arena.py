from __future__ import annotations

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from imgae_monai.data import TensorArena
from imgae_monai.data.tensor_arena import pack_items, unpack_items


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64, torch.int64, torch.bool])
def test_a_copy_is_equal_and_of_the_same_type(dtype):
    arena = TensorArena(block_bytes=1000)
    for shape in [(3,), (1, 5, 7), (2, 3, 4, 5), (0,), ()]:
        tensor = (torch.rand(shape) * 3).to(dtype)
        copy = arena.put(tensor)
        assert torch.equal(copy, tensor)
        assert copy.dtype == dtype
        assert copy.shape == tensor.shape


def test_tensors_do_not_overlap_and_share_blocks():
    arena = TensorArena(block_bytes=4096)
    tensors = [torch.full((10,), i, dtype=torch.uint8) for i in range(100)]
    copies = [arena.put(t) for t in tensors]
    assert all(torch.equal(a, b) for a, b in zip(copies, tensors, strict=True))
    assert len({c.untyped_storage().data_ptr() for c in copies}) == 2  # 64 of 64 bytes in the first


def test_a_tensor_larger_than_a_block_has_its_own():
    arena = TensorArena(block_bytes=16)
    large = torch.arange(100)
    assert torch.equal(arena.put(large), large)
    assert torch.equal(arena.put(torch.tensor([7])), torch.tensor([7]))


def test_a_block_is_let_go_of_with_its_last_tensor():
    arena = TensorArena(block_bytes=64)
    first = arena.put(torch.ones(64, dtype=torch.uint8))
    block = weakref.ref(first._base)
    arena.put(torch.ones(64, dtype=torch.uint8))  # the arena itself holds the newest block only
    assert block() is not None
    del first
    gc.collect()
    assert block() is None


def test_threads_do_not_write_over_each_other():
    arena = TensorArena(block_bytes=1 << 12)
    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(lambda i: arena.put(torch.full((33,), i, dtype=torch.int32)), range(2000)))
    assert all(bool((copy == i).all()) for i, copy in enumerate(copies))


def test_tensors_of_an_item_are_stored_and_the_rest_stays():
    item = {"image": torch.ones(2, 2), "label": 1, "name": "a.png", "more": {"mask": torch.zeros(3)}}
    stored = TensorArena().put_item(item)
    assert stored["label"] == 1
    assert stored["name"] == "a.png"
    assert torch.equal(stored["image"], item["image"])
    assert stored["more"]["mask"].untyped_storage().data_ptr() == stored["image"].untyped_storage().data_ptr()
    assert torch.equal(TensorArena().put_item(torch.ones(2)), torch.ones(2))


def test_an_arena_is_pickled_empty():
    arena = TensorArena(block_bytes=1 << 20)
    arena.put(torch.ones(1000))
    other = pickle.loads(pickle.dumps(arena))
    assert len(pickle.dumps(arena)) < 200
    assert other.block_bytes == 1 << 20
    assert torch.equal(other.put(torch.arange(3)), torch.arange(3))


def test_items_are_packed_with_each_block_once():
    arena = TensorArena(block_bytes=1000)
    items = [
        {"image": torch.full((2, n, 5), n, dtype=dtype), "more": {"n": torch.tensor(n)}, "label": n}
        for n, dtype in enumerate([torch.uint8, torch.float16, torch.float64, torch.int32, torch.bool] * 4)
    ]
    stored = [arena.put_item(item) for item in items]
    packed = pack_items(stored)
    assert (
        len(packed[1])
        == len({t.untyped_storage().data_ptr() for i in stored for t in (i["image"], i["more"]["n"])})
        > 2
    )
    again = unpack_items(*copy.deepcopy(packed))
    for item, other in zip(items, again, strict=True):
        assert torch.equal(item["image"], other["image"])
        assert item["image"].dtype == other["image"].dtype
        assert (item["label"], item["more"]["n"]) == (other["label"], other["more"]["n"])
    n_bytes = sum(block.numel() for block in packed[1])
    assert len(pickle.dumps(packed)) < n_bytes + 200 * len(items) + 1000 * len(packed[1])


def test_a_tensor_outside_an_arena_can_be_packed():
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    assert torch.equal(unpack_items(*pack_items([tensor]))[0], tensor)
