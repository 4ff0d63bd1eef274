from __future__ import annotations

import pytest
import torch

from imgae_monai.engines import prepare_reconstruction


@pytest.fixture
def batch():
    return {"image": torch.arange(8.0).reshape(2, 1, 2, 2), "label": torch.tensor([0, 1]), "image_path": ["a", "b"]}


def test_the_image_is_input_and_target(batch):
    inputs, targets = prepare_reconstruction(batch)
    assert torch.equal(inputs, torch.arange(8.0).reshape(2, 1, 2, 2))
    assert torch.equal(targets, inputs)


def test_the_class_is_left_in_the_batch(batch):
    prepare_reconstruction(batch, "cpu", non_blocking=True)
    assert torch.equal(batch["label"], torch.tensor([0, 1]))
    assert set(batch) == {"image", "label", "image_path"}


def test_no_class_is_needed(batch):
    inputs, _ = prepare_reconstruction({"image": batch["image"]})
    assert torch.equal(inputs, batch["image"])


@pytest.mark.parametrize("device", ["meta", torch.device("meta")])
def test_both_go_to_the_device(batch, device):
    assert [x.device.type for x in prepare_reconstruction(batch, device, non_blocking=True)] == ["meta", "meta"]
    assert batch["image"].device.type == "cpu"


def test_a_batch_without_an_image_is_refused(batch):
    del batch["image"]
    with pytest.raises(KeyError, match="image"):
        prepare_reconstruction(batch)


def test_the_image_lies_as_asked_for():
    image = torch.rand(2, 3, 4, 5)
    inputs, _ = prepare_reconstruction({"image": image}, "cpu", memory_format=torch.channels_last)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(inputs, image)
