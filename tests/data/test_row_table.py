from __future__ import annotations

import csv

import pytest

from imgae_monai.data.row_table import COLUMNS, read_rows, write_rows
from imgae_monai.exceptions import InputError

ROWS = [
    {"image": 'a, "b".png', "label": 0, "patient_id": "007", "split": "test", "score": 0.1 + 0.2, "decision": 1}
    | {"threshold": 1 / 3, "synthetic": 0},
    {"image": "ü.png", "threshold": 1 / 3, "synthetic": 1, "unreadable": "cannot read ü.png:\ntruncated"},
]
WHOLE = [{**dict.fromkeys(COLUMNS), **row} for row in ROWS]


@pytest.fixture(params=["csv", "parquet"])
def path(request, tmp_path):
    if request.param == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
    return tmp_path / f"part.{request.param}"


def test_rows_come_back_to_the_bit(path):
    write_rows(path, ROWS)
    assert read_rows(path) == WHOLE
    assert list(path.parent.iterdir()) == [path]


def test_other_tools_read_them(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    for name in ("a.csv", "a.parquet"):
        write_rows(tmp_path / name, ROWS)
    with open(tmp_path / "a.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [row["score"] for row in rows] == ["0.30000000000000004", ""]
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == list(COLUMNS)
    assert table.column("score").to_pylist() == [0.1 + 0.2, None]
    assert [str(table.schema.field(name).type) for name in ("score", "decision", "patient_id")] == [
        *("double", "int8", "string")
    ]


def test_a_spoilt_table_is_named(path):
    write_rows(path, ROWS)
    path.write_bytes(b"image,score\n\xff")
    with pytest.raises(InputError, match=r"part\.\w+ is not a readable table of scores .*: delete it"):
        read_rows(path)
