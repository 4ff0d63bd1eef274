from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from torch.utils.data import DataLoader

from imgae_monai.data import EncodedImage, StreamedDataset, load_datalist, read_image, write_datalist_file
from imgae_monai.engines import copies_to_vary
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import DatasetHandler
from imgae_monai.transforms import LoadGrayscaled
from tests.data.hub_data import png, study, table, write_shards

pytest.importorskip("datasets")
NAMES = (["normal"], ["ill"])


def pixel(example) -> dict:
    image = read_image(example["image"])
    return {**example, "image": round(255 * float(image[1, 1])) + 256 * round(255 * float(image[0, 0]))}


def items_of(root: Path, split: str = "train", **arguments) -> list[dict]:
    return load_datalist(f"hf://{root}?streaming=true", *NAMES, **arguments).select(split)


def seen(dataset: StreamedDataset, n_workers: int = 0, batch_size: int = 4) -> list[int]:
    loader = DataLoader(dataset, batch_size=batch_size, num_workers=n_workers)
    return [v for batch in loader for v in batch["image"].tolist()]


@pytest.fixture(scope="module", params=[1, 5])
def root(request, tmp_path_factory) -> Path:
    return study(tmp_path_factory.mktemp("stream"), n_train=41, n_shards=request.param)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_over_ranks_and_workers_every_example_comes_once(root, shuffle, n_workers, world_size):
    items = items_of(root)
    expected = {int(item["image"].rpartition("/")[2]) for item in items}
    assert len(expected) == len(items) < 41  # the rest is validation
    found, lengths = [], []
    for rank in range(world_size):
        dataset = StreamedDataset(items, pixel, shuffle, 7, 3, rank, world_size, batch_size=4)
        values = seen(dataset, n_workers)
        assert len(values) == len(dataset)
        lengths.append(len(dataset))
        found += values
    assert sorted(found) == sorted(expected)
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("n_workers", [0, 2])
def test_without_shuffle_order_and_number_of_batches_are_a_maps(root, n_workers):
    items = items_of(root)
    dataset = StreamedDataset(items, pixel, batch_size=4)
    loader = DataLoader(dataset, batch_size=4, num_workers=n_workers)
    batches = [batch["image_path"] for batch in loader]
    assert [name for batch in batches for name in batch] == [item["image"] for item in items]
    assert len(batches) == len(loader) == -(-len(items) // 4)


def test_training_and_validation_do_not_meet(root):
    data = load_datalist(f"hf://{root}?streaming=true", *NAMES, val_fraction=0.3)
    train, val = (seen(StreamedDataset(data.select(split, 0), pixel)) for split in ("train", "val"))
    assert sorted(train + val) == list(range(41))
    assert not {v // 2 for v in train} & {v // 2 for v in val}  # two images a patient


def test_the_shuffle_follows_seed_and_epoch(root):
    items = items_of(root)

    def order(seed: int, epoch: int) -> list[int]:
        dataset = StreamedDataset(items, pixel, True, 20, seed)
        dataset.set_epoch(epoch)
        return seen(dataset)

    first = order(0, 0)
    assert first == order(0, 0)
    assert first == order(-1, 1)  # seed + epoch
    assert len({tuple(order(0, epoch)) for epoch in range(4)}) == 4
    assert first != sorted(first)


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_see_the_epoch_change(root, persistent):
    dataset = StreamedDataset(items_of(root), pixel, True, 20)
    loader = DataLoader(dataset, batch_size=4, num_workers=1, persistent_workers=persistent)
    orders = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        orders.append([v for batch in loader for v in batch["image"].tolist()])
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


@pytest.mark.parametrize("n_workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, True])
def test_copies_of_one_image_count_as_often_as_they_come(tmp_path, n_workers, shuffle):
    data = table(["normal"] * 12, patients=list("aabbccddeeff"))
    cells = [{"bytes": png(i % 4), "path": None} for i in range(12)]
    copies = data.remove_columns("image").add_column("image", cells).select_columns(["image", "label", "patient_id"])
    write_shards(tmp_path / "d", "test", copies, 3)
    items = items_of(tmp_path / "d", "test")
    for world_size in (1, 2):
        ranks = [StreamedDataset(items, pixel, shuffle, 3, 0, r, world_size, 4) for r in range(world_size)]
        values = Counter(v for dataset in ranks for v in seen(dataset, n_workers))
        assert values == {0: 3, 1: 3, 2: 3, 3: 3}
        assert sum(map(len, ranks)) == 12
    named = [e["image_path"] for e in StreamedDataset(items, pixel)]
    assert named == [item["image"] for item in items]
    assert [e["patient_id"] for e in StreamedDataset(items, pixel)] == list("aabbccddeeff")


@pytest.mark.parametrize("n_workers", [0, 2])
def test_an_image_that_is_listed_several_times_comes_as_often(root, n_workers):
    items = items_of(root)
    listed = copies_to_vary(items, 3)[:-1]  # of the last one a copy is left out
    dataset = StreamedDataset(listed, pixel, batch_size=4)
    loader = DataLoader(dataset, batch_size=4, num_workers=n_workers)
    names = [name for batch in loader for name in batch["acquisition"]]
    assert names == [item["acquisition"] for item in listed]
    assert len(dataset) == 3 * len(items) - 1
    assert len(loader) == -(-len(dataset) // 4)


def test_an_example_is_what_a_file_would_be(root):
    item = items_of(root, "test")[1]
    raw = next(iter(StreamedDataset([item])))
    assert raw["image"] == EncodedImage(png(101), item["image"])
    assert {k: raw[k] for k in ("image_path", "label", "patient_id")} == {
        "image_path": item["image"],
        "label": 1,
        "patient_id": "test1",
    }
    image = next(iter(StreamedDataset([item], LoadGrayscaled("image"))))["image"]
    np.testing.assert_allclose(np.asarray(image)[0, 1:], 101 / 255)
    assert image.meta["filename_or_obj"] == item["image"]


def test_a_source_that_changed_is_noticed(tmp_path):
    root = study(tmp_path / "d")
    items = items_of(root, "test")
    write_shards(root / "data", "test", table([0, 1] * 3, 100, ["Normal", "Ill"], [f"test{i}" for i in range(6)]), 1)
    with pytest.raises(InputError, match=r"has changed: 2 image\(s\) of the data list came no more, .*#test/6 first"):
        list(StreamedDataset(items, pixel))


def test_an_unreadable_image_is_named(tmp_path):
    data = table(["normal"] * 3).remove_columns("image").add_column("image", [png(0), b"text", png(2)])
    write_shards(tmp_path / "d", "test", data, 1)
    dataset = StreamedDataset(items_of(tmp_path / "d", "test"), LoadGrayscaled("image"))
    with pytest.raises(Exception, match="applying transform") as e:
        list(dataset)
    assert "cannot read hf://" in str(e.value.__cause__)
    assert "#test/1: cannot identify image file" in str(e.value.__cause__)


@pytest.mark.parametrize(
    ("items", "arguments", "message"),
    [
        ([], {}, "needs items, got none"),
        ([{"image": "/a.png"}], {}, r"/a\.png is not of a stream"),
        ([{"image": f"hf://a/{k}?streaming=true#train/0"} for k in "bc"], {}, "more than one stream"),
        ([], {"rank": 2, "world_size": 2}, "rank must be from 0 to world_size - 1, got 2 of 2"),
        ([], {"buffer_size": 0}, "buffer_size must be at least 1, got 0"),
        ([], {"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_wrong_arguments_are_refused(items, arguments, message):
    with pytest.raises(InputError, match=message):
        StreamedDataset(items, **arguments)


def test_ranks_are_torchs_own_where_it_is_distributed(root, tmp_path):
    items = items_of(root)
    torch.distributed.init_process_group("gloo", f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        dataset = StreamedDataset(items)
    finally:
        torch.distributed.destroy_process_group()
    assert (dataset.rank, dataset.world_size, len(dataset)) == (0, 1, len(items))


def epochs_of(dataset: StreamedDataset, n_workers: int, batch_size: int, persistent: bool) -> list[list[list[int]]]:
    """Batches by epoch as MONAI's trainer gets them."""
    loader = DataLoader(dataset, batch_size, num_workers=n_workers, persistent_workers=persistent and n_workers > 0)
    network = torch.nn.Linear(1, 1)
    trainer = SupervisedTrainer(
        torch.device("cpu"),
        3,
        loader,
        network,
        torch.optim.SGD(network.parameters(), 0.0),
        lambda prediction, target: prediction.sum() * 0,
        prepare_batch=lambda batch, *_: (batch["image"].float()[:, None],) * 2,
        train_handlers=[DatasetHandler(dataset)],
    )
    epochs: list[list[list[int]]] = []
    trainer.add_event_handler(Events.EPOCH_STARTED, lambda: epochs.append([]))
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda engine: epochs[-1].append([int(d["image"]) for d in engine.state.batch])
    )
    trainer.run()
    loader._iterator = None  # as a part of the trainer's cycle, each idle worker would take 5 s to end
    return epochs


@pytest.mark.parametrize(("batch_size", "persistent"), [(4, True), (5, False)])
def test_the_batches_of_every_epoch_are_the_same_whatever_the_number_of_workers(root, batch_size, persistent):
    items = items_of(root)[:36]
    expected = sorted(int(item["image"].rpartition("/")[2]) for item in items)
    runs = []
    for n_workers in (0, 1, 2, 3):
        dataset = StreamedDataset(items, pixel, True, 20, batch_size=batch_size)
        runs.append(epochs_of(dataset, n_workers, batch_size, persistent))
        assert [sorted(itertools.chain(*batches)) for batches in runs[-1]] == [expected] * 3
        assert [len(batches) for batches in runs[-1]] == [-(-len(items) // batch_size)] * 3
    assert runs[0] == runs[1] == runs[2] == runs[3]
    assert runs[0][0] != runs[0][1] != runs[0][2]


def test_without_a_batch_size_the_first_worker_reads_alone(root):
    items = items_of(root)
    alone, shared = (epochs_of(StreamedDataset(items, pixel, True, 20, batch_size=b), 3, 4, False) for b in (None, 4))
    assert alone == shared


@pytest.mark.parametrize("batch_size", [None, 4])
def test_the_workers_share_what_is_decoded(root, batch_size):
    dataset = StreamedDataset(items_of(root), with_worker, True, 20, batch_size=batch_size)
    workers = [set(batch["worker"].tolist()) for batch in DataLoader(dataset, 4, num_workers=3)]
    assert workers == [{0 if batch_size is None else k % 3} for k in range(len(workers))]


def with_worker(example) -> dict:
    return {**pixel(example), "worker": torch.utils.data.get_worker_info().id}


@pytest.mark.parametrize("batch_size", [None, 2])
def test_workers_notice_that_a_source_changed(tmp_path, batch_size):
    root = study(tmp_path / "d")
    items = items_of(root, "test")
    write_shards(root / "data", "test", table([0, 1] * 3, 100, ["Normal", "Ill"], [f"test{i}" for i in range(6)]), 1)
    dataset = StreamedDataset(items, pixel, True, 3, batch_size=batch_size)
    with pytest.raises(InputError, match=r"has changed: 2 image\(s\) of the data list came no more"):
        seen_within_length(DataLoader(dataset, batch_size or 4, num_workers=3))


def seen_within_length(loader: DataLoader) -> list[int]:
    """What ignite reads of a loader: as many batches as its length says, and no further."""
    return [v for batch in itertools.islice(loader, len(loader)) for v in batch["image"].tolist()]


def test_a_streams_unknown_patients_are_found_again_from_a_written_list(tmp_path):
    write_shards(tmp_path / "d", "train", table(["normal"] * 12), 2)
    data = load_datalist(f"hf://{tmp_path / 'd'}?streaming=true", *NAMES)
    write_datalist_file(tmp_path / "list.json", data)
    content = json.loads((tmp_path / "list.json").read_text(encoding="utf-8"))
    for item in content["training"]:  # as one writes it by hand
        del item["patient_id"], item["patient_known"]
    (tmp_path / "bare.json").write_text(json.dumps(content), encoding="utf-8")
    expected = seen(StreamedDataset(data.select("train"), pixel))
    assert len(expected) == 11
    for name in ("list.json", "bare.json"):
        assert seen(StreamedDataset(load_datalist(tmp_path / name).select("train"), pixel)) == expected
