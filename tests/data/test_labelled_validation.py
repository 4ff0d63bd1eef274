from __future__ import annotations

import shutil

from monai.data import Dataset
from monai.transforms import Compose

from imgae_monai.data import StreamedDataset, labelled_validation, load_datalist


def test_without_abnormal_images_the_data_set_is_the_same(phantoms):
    normal = Dataset([1, 2])
    assert labelled_validation(normal, load_datalist(phantoms), Compose([])) is normal


def test_abnormal_images_follow_the_normal_ones_which_are_shared(phantoms, tmp_path):
    shutil.copytree(phantoms, tmp_path / "data")
    (tmp_path / "data" / "test" / "abnormal").rename(tmp_path / "data" / "val" / "abnormal")
    datalist = load_datalist(tmp_path / "data")
    normal = Dataset([{"label": "shared"}] * 3)
    both = labelled_validation(normal, datalist, Compose([lambda item: {"label": item["label"] + 10}]))
    assert [both[i]["label"] for i in range(len(both))] == ["shared"] * 3 + [11] * 12


def test_streams_are_chained(phantoms, tmp_path, monkeypatch):
    datalist = load_datalist(phantoms)
    items = [{**item, "split": "val"} for item in datalist.items if item["label"] == 1]
    labelled = type(datalist)([*datalist.items, *items], datalist.source, True)
    chained = []
    monkeypatch.setattr(StreamedDataset, "__init__", lambda self, items, *args, **options: chained.append(len(items)))
    stream = StreamedDataset([])
    both = labelled_validation(stream, labelled, Compose([]))
    assert chained == [0, 12]
    assert both.datasets[0] is stream
