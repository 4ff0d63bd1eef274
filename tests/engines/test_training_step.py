"""What is tried to find a batch that fits is a step of the trainer that will train."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from imgae_monai.engines import IntrospectiveStep, explain_out_of_memory, fit_batch_size
from imgae_monai.engines import batch_size as module
from imgae_monai.engines.training_step import SupervisedStep
from imgae_monai.exceptions import InputError
from imgae_monai.losses import IntrospectiveDecoderLoss, IntrospectiveEncoderLoss
from imgae_monai.networks.nets import IntrospectiveAutoencoder
from tests.engines.test_introspective_trainer import make_trainer

SHAPE = (1, 32, 32)


def make_network() -> IntrospectiveAutoencoder:
    torch.manual_seed(0)
    return IntrospectiveAutoencoder(2, 1, 1, (8, 16, 16), (2, 2, 2), 4, 32)


def introspective_step() -> IntrospectiveStep:
    return IntrospectiveStep(IntrospectiveEncoderLoss(1 / 32**2), IntrospectiveDecoderLoss(1 / 32**2))


class Held:
    """What autograd keeps at a time, and the most that it has kept."""

    def __init__(self) -> None:
        self.users: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.most = 0

    def pack(self, tensor: torch.Tensor) -> Kept:
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        self.users[place] = self.users.get(place, 0) + 1
        self.sizes[place] = storage.nbytes()
        self.most = max(self.most, sum(self.sizes.values()))
        kept = Kept(tensor)
        weakref.finalize(kept, self.release, place)
        return kept

    def release(self, place: int) -> None:
        self.users[place] -= 1
        if not self.users[place]:
            del self.users[place], self.sizes[place]


class Kept:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def most_kept(step, n: int) -> int:
    held = Held()
    take = step(make_network().train())
    with torch.autograd.graph.saved_tensors_hooks(held.pack, lambda kept: kept.tensor):
        take(torch.rand(n, *SHAPE))
    return held.most


@pytest.mark.parametrize("step", [SupervisedStep(nn.L1Loss()), introspective_step()])
def test_a_step_holds_at_least_its_passes(step):
    of_an_image = most_kept(step, 5) - most_kept(step, 4)
    ratio = of_an_image / module._kept_of_an_image(make_network(), SHAPE)
    assert step.passes <= ratio < 1.2 * step.passes


def test_an_introspective_step_trains_both_halves():
    network = make_network().train()
    before = {name: value.clone() for name, value in network.named_parameters()}
    introspective_step()(network)(torch.rand(4, *SHAPE))
    assert all(not torch.equal(value, before[name]) for name, value in network.named_parameters())


def test_a_larger_step_lets_fewer_images_fit(monkeypatch):
    network, batch = make_network(), 100
    least = batch * module._kept_of_an_image(network, SHAPE) + 4 * sum(p.numel() for p in network.parameters())
    monkeypatch.setattr(module, "available_memory", lambda: least)
    assert fit_batch_size(batch, network, nn.L1Loss(), SHAPE, n_images=1000) == batch
    with pytest.raises(InputError, match="a step with batch_size 100 takes at least"):
        fit_batch_size(batch, network, None, SHAPE, n_images=1000, training_step=introspective_step())


def test_auto_tries_the_step_of_the_trainer(monkeypatch):
    tried: list[int] = []

    def memory(self, batch_size: int) -> int:
        tried.append(batch_size)
        self._take(batch_size)
        return 10**7 * batch_size

    monkeypatch.setattr(module._Trial, "memory", memory)
    settings = {"n_images": 1000, "memory_budget": 0.05, "training_step": introspective_step()}
    assert fit_batch_size("auto", make_network(), None, SHAPE, **settings) == 4
    assert tried == [1, 2, 4]


def test_introspective_training_out_of_memory_is_told_what_fits(monkeypatch):
    class Limited(IntrospectiveDecoderLoss):
        def forward(self, rec, generated_kl, generated_rec):
            if len(rec) > 2:
                raise MemoryError
            return super().forward(rec, generated_kl, generated_rec)

    network = IntrospectiveAutoencoder(2, 1, 1, (4, 6), (2, 2), 3, 8).double()
    trainer = make_trainer(network, decoder_loss=Limited(1 / 64))
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(
            InputError, match=r"with batches of 4: 2 would fit\. Start anew with batch_size 2 \(or auto"
        ):
            explain_out_of_memory(lambda engine: engine.run(), trainer, (1, 8, 8))
    finally:
        torch.set_default_dtype(torch.float32)
