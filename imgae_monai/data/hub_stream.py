"""Read the Parquet and Arrow files of a data set row by row, here or on the hub, in this thread alone.

``datasets`` streams Parquet through threads of Arrow's that outlive it: a process that ends soon after may abort or
hang (apache/arrow#45214; seen with datasets 5.2 and pyarrow 26). It also reads whole files ahead. Here a row group is
read at a time, and nothing goes on behind the caller's back.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import IO, Any

_ROWS = 16  # taken out of a row group or record batch at a time


@dataclasses.dataclass(frozen=True)
class HubStream:
    """One split as a stream.

    Args:
        files: paths, or addresses that fsspec opens; each is a shard.
        kind: ``"parquet"`` or ``"arrow"``.
        features: ``datasets.Features`` of the columns.
    """

    files: tuple[str, ...]
    kind: str
    features: Any

    def rows(self, shard: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Rows of one file in order, images as they are stored."""
        names = list(dict.fromkeys(columns))
        with contextlib.closing(_open(self.files[shard])) as file:
            for batch in _parquet_batches(file, names) if self.kind == "parquet" else _arrow_batches(file):
                for start in range(0, batch.num_rows, _ROWS):
                    yield from batch.slice(start, _ROWS).select(names).to_pylist()


def stored_features(file: str, kind: str) -> Any:
    """``datasets.Features`` that a file tells of itself."""
    import datasets
    import pyarrow.parquet as pq

    with contextlib.closing(_open(file)) as opened:
        schema = pq.read_schema(opened) if kind == "parquet" else _arrow_reader(opened).schema
    return datasets.Features.from_arrow_schema(schema)


def _open(file: str) -> IO[bytes]:
    import fsspec
    import pyarrow as pa

    return fsspec.open(file, "rb").open() if "://" in file else pa.OSFile(file, "rb")


def _parquet_batches(file: IO[bytes], columns: list[str]) -> Iterator[Any]:
    import pyarrow.parquet as pq

    yield from pq.ParquetFile(file, pre_buffer=False).iter_batches(_ROWS, columns=columns, use_threads=False)


def _arrow_reader(file: IO[bytes]) -> Any:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(use_threads=False)
    try:
        return pa.ipc.open_stream(file, options=options)
    except pa.ArrowInvalid:
        file.seek(0)
        return pa.ipc.open_file(file, options=options)


def _arrow_batches(file: IO[bytes]) -> Iterator[Any]:
    reader = _arrow_reader(file)
    if hasattr(reader, "num_record_batches"):
        yield from (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        yield from reader
