from __future__ import annotations

import threading

import pytest

from imgae_monai.data.hub_stream import HubStream, stored_features
from tests.data.hub_data import png, table

datasets = pytest.importorskip("datasets")
pa = pytest.importorskip("pyarrow")


@pytest.fixture(params=["parquet", "stream", "file"])
def stream(request, tmp_path) -> HubStream:
    """Two files of 40 rows, more than one row group or record batch, and more than is read at a time."""
    files = []
    for k in range(2):
        data = table([0, 1] * 20, 40 * k, ["normal", "ill"])
        path = tmp_path / f"{k}.{request.param}"
        if request.param == "parquet":
            data.to_parquet(path, batch_size=25)
        else:
            new = pa.ipc.new_stream if request.param == "stream" else pa.ipc.new_file
            with pa.OSFile(str(path), "wb") as sink, new(sink, data.data.table.schema) as writer:
                writer.write_table(data.data.table, max_chunksize=25)
        files.append(str(path))
    kind = "parquet" if request.param == "parquet" else "arrow"
    return HubStream(tuple(files), kind, stored_features(files[0], kind))


def test_each_file_is_a_shard_in_order(stream):
    for k in range(2):
        rows = list(stream.rows(k, ["image", "label"]))
        assert [row["image"]["bytes"] for row in rows] == [png(40 * k + i) for i in range(40)]
        assert [row["label"] for row in rows] == [0, 1] * 20
    assert [row["label"] for row in stream.rows(0, ["label"])] == [0, 1] * 20


def test_the_file_tells_its_classes(stream):
    assert stream.features["label"].names == ["normal", "ill"]
    assert isinstance(stream.features["image"], datasets.Image)


def test_addresses_are_opened_like_paths(stream):
    remote = HubStream(tuple(f"file://{file}" for file in stream.files), stream.kind, stream.features)
    assert list(remote.rows(1, ["image", "label"])) == list(stream.rows(1, ["image", "label"]))
    assert stored_features(remote.files[0], stream.kind) == stream.features


def test_no_thread_goes_on_when_a_reader_stops_early(stream):
    before = threading.active_count()
    rows = stream.rows(0, ["image"])
    for _ in range(3):
        next(rows)
    assert threading.active_count() == before
    rows.close()
