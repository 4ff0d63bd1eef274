"""What is drawn after a state was loaded is what was drawn after it was saved."""

from __future__ import annotations

import io
import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.transforms import Compose, RandAdjustContrast, RandAffine, RandGaussianNoise
from torch.utils.data import WeightedRandomSampler

from imgae_monai.data import MovingCacheDataset
from imgae_monai.engines import ResumeState
from imgae_monai.exceptions import InputError

IMAGES = [torch.full((1, 6, 6), float(i)) for i in range(8)]


def augmentation() -> Compose:
    return Compose([RandAffine(0.5, translate_range=[1.0, 1.0]), Compose([RandGaussianNoise(0.5)])])


def stored(state: dict) -> dict:
    """Through a file, as a checkpoint goes."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def trainer(scaler=None) -> SimpleNamespace:
    return SimpleNamespace(scaler=scaler, state=SimpleNamespace(device=torch.device("cpu")))


def epoch(loader: DataLoader) -> torch.Tensor:
    return torch.cat([torch.as_tensor(batch) for batch in loader])


@pytest.mark.parametrize("num_workers", [0, 1])
def test_order_and_augmentation_go_on(num_workers):
    torch.manual_seed(3)
    loader = DataLoader(Dataset(IMAGES, augmentation()), batch_size=2, shuffle=True, num_workers=num_workers)
    epoch(loader)
    state = stored(ResumeState(trainer(), [loader]).state_dict())
    expected = epoch(loader)

    torch.manual_seed(4)
    again = DataLoader(Dataset(IMAGES, augmentation()), batch_size=2, shuffle=True, num_workers=num_workers)
    assert not torch.equal(epoch(again), expected)
    ResumeState(trainer(), [again]).load_state_dict(state)
    assert torch.equal(epoch(again), expected)


def test_a_loaders_own_generators_go_on():
    def make() -> DataLoader:
        sampler = WeightedRandomSampler([1.0] * 8, 8, generator=torch.Generator().manual_seed(1))
        return DataLoader(Dataset(IMAGES), batch_size=2, sampler=sampler, generator=torch.Generator().manual_seed(2))

    loader = make()
    epoch(loader)
    state = stored(ResumeState(trainer(), [loader]).state_dict())
    expected = epoch(loader)
    again = make()
    ResumeState(trainer(), [again]).load_state_dict(state)
    assert torch.equal(epoch(again), expected)


def test_python_numpy_and_torch_go_on():
    state = ResumeState(trainer(), [])

    def draw() -> list[float]:
        return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(()).item()]

    random.gauss(0, 1)  # an odd number: Python and NumPy keep the second one of a pair
    np.random.randn()
    saved = stored(state.state_dict())
    expected = draw()
    assert draw() != expected
    state.load_state_dict(saved)
    assert draw() == expected


def test_the_scaler_goes_on():
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale(torch.ones(()))  # made at the first use
    saved = stored(ResumeState(trainer(scaler), []).state_dict())
    other = torch.amp.GradScaler("cpu", init_scale=2.0)
    ResumeState(trainer(other), []).load_state_dict(saved)
    assert other.get_scale() == 8.0


def test_another_number_of_workers_is_refused():
    loaders = [DataLoader(Dataset(IMAGES, augmentation()), num_workers=n) for n in (0, 2)]
    state = stored(ResumeState(trainer(), loaders[:1]).state_dict())
    with pytest.raises(InputError, match=r"started with num_workers \[0\], now it would go on with \[2\]"):
        ResumeState(trainer(), loaders[1:]).load_state_dict(state)


def test_other_versions_and_threads_are_said(caplog):
    state = stored(ResumeState(trainer(), []).state_dict())
    with caplog.at_level(logging.WARNING):
        ResumeState(trainer(), []).load_state_dict(state)
        assert caplog.records == []
        state["made_with"] |= {"torch": "1.13.0", "threads": "77"}
        ResumeState(trainer(), []).load_state_dict(state)
    (record,) = caplog.records
    threads = f"threads 77, now {torch.get_num_threads()}; torch 1.13.0, now {torch.__version__}"
    assert f"was started with {threads}: it goes on" in record.getMessage()


def test_other_transforms_are_refused():
    loader = DataLoader(Dataset(IMAGES, augmentation()), batch_size=2)
    other = DataLoader(Dataset(IMAGES, Compose([RandAdjustContrast(0.5)])), batch_size=2)
    state = ResumeState(trainer(), [loader]).state_dict()
    with pytest.raises(InputError, match=r"not those that this run was started with: dataset\.transform"):
        ResumeState(trainer(), [other]).load_state_dict(state)


def moving(cache_num: int = 4) -> MovingCacheDataset:
    return MovingCacheDataset(list(IMAGES), Compose([]), cache_num, 0.5, seed=5, progress=False)


def values(dataset: MovingCacheDataset) -> list[float]:
    return [dataset[i].max().item() for i in range(len(dataset))]


@pytest.mark.parametrize("running", [False, True])
def test_a_moving_window_goes_on(running):
    dataset = moving()
    dataset.start()
    for _ in range(3):  # over the end of the data and round again
        dataset.update_cache()
    state = stored(ResumeState(trainer(), [DataLoader(dataset, batch_size=2)]).state_dict())
    expected = [values(dataset)]
    dataset.update_cache()
    expected.append(values(dataset))
    dataset.shutdown()

    again = moving()
    if running:  # as a trainer's handler has started it by then
        again.start()
    assert values(again) != expected[0]
    ResumeState(trainer(), [DataLoader(again, batch_size=2)]).load_state_dict(state)
    assert again.is_started() == running
    assert values(again) == expected[0]
    again.update_cache()
    assert values(again) == expected[1]
    again.shutdown()


def test_a_window_that_was_made_smaller_is_made_so_again_and_a_larger_one_is_refused():
    dataset = moving()
    dataset.shrink(2)
    state = stored(ResumeState(trainer(), [DataLoader(dataset, batch_size=2)]).state_dict())
    again = moving()
    ResumeState(trainer(), [DataLoader(again, batch_size=2)]).load_state_dict(state)
    assert values(again) == values(dataset)
    state["caches"][0]["cache_num"] = 5
    with pytest.raises(InputError, match="the window was of 5 images, of which 1 were replaced, now it is of 2: "):
        ResumeState(trainer(), [DataLoader(again, batch_size=2)]).load_state_dict(state)
