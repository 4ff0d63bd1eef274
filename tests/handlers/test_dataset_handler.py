from __future__ import annotations

import numpy as np
from ignite.engine import Engine
from monai.data import Dataset
from monai.transforms import Compose
from torch.utils.data import IterableDataset

from imgae_monai.data import MovingCacheDataset
from imgae_monai.handlers import DatasetHandler


def run(dataset, epochs: int) -> None:
    engine = Engine(lambda engine, batch: None)
    DatasetHandler(dataset).attach(engine)
    engine.run([0, 1], max_epochs=epochs)


def test_a_window_moves_after_each_epoch_and_its_thread_ends():
    dataset = MovingCacheDataset(list(range(10)), Compose([]), cache_num=4, replace_rate=0.5, progress=False)
    before = list(dataset._cache)
    order = np.random.RandomState(0).permutation(10).tolist()
    assert before == order[:4]
    run(dataset, 3)
    assert list(dataset._cache) == order[6:10]  # three times two further
    assert not dataset.is_started()


def test_a_stream_is_told_its_epoch():
    class Stream(IterableDataset):
        def __init__(self) -> None:
            self.told: list[int] = []

        def __iter__(self):
            return iter(())

        def set_epoch(self, epoch: int) -> None:
            self.told.append(epoch)

    stream = Stream()
    run(stream, 3)
    assert stream.told == [1, 2, 3]


def test_any_other_data_set_is_left_alone():
    run(Dataset([1, 2, 3]), 2)
