"""Rows of scores as a CSV or a Parquet file."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.exceptions import InputError

TABLES = ("csv", "parquet")
# by pyarrow's names; all but the first may be empty
COLUMNS = {
    "image": "string",
    "label": "int8",
    "patient_id": "string",
    "split": "string",
    "score": "float64",
    "decision": "int8",
    "threshold": "float64",
    "synthetic": "int8",
    "unreadable": "string",
}


def check_table(table: str) -> None:
    """
    Raises:
        InputError: when tables of this kind can't be written here.
    """
    if table == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise InputError("a Parquet table needs pyarrow: pip install 'imgae_monai[parquet]', or take --table csv")


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table of :py:data:`COLUMNS`, wholly or not at all.

    Args:
        path: file to write, ``.csv`` or ``.parquet``.
        rows: values by column; what is missing or None is empty (Parquet: null).

    Raises:
        InputError: when the system refuses to write.
    """
    with atomic_write(path) as file:
        if path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
            pq.write_table(pa.Table.from_pylist(list(rows), schema), file)
        else:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
            text.detach()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table that :py:func:`write_rows` wrote, with None where it is empty.

    Raises:
        InputError: when the file is no such table.
    """
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
            return rows
        with open(path, newline="", encoding="utf-8") as f:
            return [{name: _value(row[name], kind) for name, kind in COLUMNS.items()} for row in csv.DictReader(f)]
    except (OSError, ValueError, KeyError) as e:  # pyarrow's own errors are these
        raise InputError(
            f"{path} is not a readable table of scores ({e}): delete it, and start the command again"
        ) from e


def _value(text: str, kind: str) -> Any:
    if text == "" and kind != "string":
        return None
    if kind == "string":
        return text or None
    return float(text) if kind == "float64" else int(text)
