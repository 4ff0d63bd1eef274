from __future__ import annotations

import pytest
import torch

from imgae_monai.engines import prepare_reconstruction, prepare_restoration


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


def restoration_batch() -> dict[str, torch.Tensor]:
    image = torch.tensor([0.2, 0.4, 0.8]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    return {"image": image, "corrupted": image + 0.1, "label": torch.tensor([0, 0, 0])}


def test_the_corrupted_copy_is_input_and_the_image_is_target():
    batch = restoration_batch()
    inputs, targets = prepare_restoration(batch, "cpu", non_blocking=True)
    assert torch.equal(inputs, batch["corrupted"])
    assert torch.equal(targets, batch["image"])


def test_each_image_is_blended_with_the_clean_one_before_it():
    batch = restoration_batch()
    weight = torch.tensor([[0.0, 0.5], [1.0, 0.0]])
    batch["foreign_weight"] = weight.expand(3, 1, 2, 2)
    inputs, targets = prepare_restoration(batch)
    own = [0.3, 0.5, 0.9]
    foreign = [0.8, 0.2, 0.4]
    expected = [[[[a, (a + b) / 2], [b, a]]] for a, b in zip(own, foreign, strict=True)]
    assert torch.allclose(inputs, torch.tensor(expected))
    assert torch.equal(targets, batch["image"])


def test_an_image_alone_is_blended_with_itself():
    batch = {key: value[:1] for key, value in restoration_batch().items()}
    batch["foreign_weight"] = torch.tensor([[0.0, 0.5], [1.0, 0.0]]).reshape(1, 1, 2, 2)
    assert torch.allclose(prepare_restoration(batch)[0], torch.tensor([[[[0.3, 0.25], [0.2, 0.3]]]]))


@pytest.mark.parametrize("weighted", [False, True])
def test_input_and_target_lie_as_asked_for(weighted):
    batch = {"image": torch.rand(2, 3, 4, 5), "corrupted": torch.rand(2, 3, 4, 5)}
    if weighted:
        batch["foreign_weight"] = torch.rand(2, 1, 4, 5)
    for x in prepare_restoration(batch, "cpu", memory_format=torch.channels_last):
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert x.device.type == "cpu"
    assert [x.device.type for x in prepare_restoration(batch, "meta")] == ["meta", "meta"]


def test_a_batch_without_a_corrupted_copy_is_refused(batch):
    with pytest.raises(KeyError, match="corrupted"):
        prepare_restoration(batch)
