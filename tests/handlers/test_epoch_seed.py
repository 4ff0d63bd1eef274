from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, RandScaleIntensityd

from imgae_monai.handlers import EpochSeedHandler


def draws(seed: int = 0, resumed_after: int = 0) -> list[list[float]]:
    """Of a transform, the order, and torch's own generator, by epoch."""
    transform = Compose([RandScaleIntensityd("image", factors=(1.0, 2.0), prob=1.0)])
    data = Dataset([{"image": torch.full((1,), float(n))} for n in range(4)], transform)
    found: list[list[float]] = []
    engine = Engine(lambda engine, batch: found[-1].extend([*batch["image"].flatten().tolist(), float(torch.rand(1))]))
    loader = DataLoader(data, batch_size=2, shuffle=True)
    engine.add_event_handler(Events.EPOCH_STARTED, lambda engine: found.append([]))
    EpochSeedHandler(seed, loader).attach(engine)
    engine.state.epoch = resumed_after
    engine.load_state_dict({"epoch": resumed_after, "max_epochs": 3, "epoch_length": 2})
    engine.run(loader)
    return found


def test_epochs_differ():
    first, second, third = draws()
    assert first != second != third != first


def test_a_resumed_run_draws_what_it_would_have_drawn():
    assert draws(resumed_after=1) == draws()[1:]


@pytest.mark.parametrize("rank", ["1", "2"])
def test_each_process_draws_its_own(rank, monkeypatch):
    alone = draws()
    monkeypatch.setenv("RANK", rank)
    assert not {*map(tuple, alone)} & {*map(tuple, draws())}
