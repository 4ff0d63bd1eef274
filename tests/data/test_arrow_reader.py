from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from imgae_monai.data import read_image
from imgae_monai.data.arrow_reader import arrow_bytes
from imgae_monai.exceptions import InputError
from tests.data.hub_data import png

pa = pytest.importorskip("pyarrow")


def arrow_file(path: Path, cells: list, batch: int = 3, form: str = "stream") -> Path:
    """Record batches of ``batch`` rows."""
    column = pa.table({"image": cells, "label": list(range(len(cells)))})
    new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, new(sink, column.schema) as writer:
        writer.write_table(column, max_chunksize=batch)
    return path


def value(reference: str) -> int:
    return round(255 * float(read_image(reference)[1, 1]))


@pytest.mark.parametrize("form", ["stream", "file"])
@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_rows_are_counted_over_record_batches(tmp_path, form, batch):
    cells = [{"bytes": png(i), "path": None} for i in range(20)]
    path = arrow_file(tmp_path / "a.arrow", cells, batch, form)
    order = [19, 0, 7, 6, 2, 3, 13]
    assert [value(f"{path}#{i}/image") for i in order] == order


def test_plain_bytes_and_paths_are_read(tmp_path):
    assert value(f"{arrow_file(tmp_path / 'a.arrow', [png(5), png(6)])}#1/image") == 6
    (tmp_path / "there.png").write_bytes(png(9))
    cells = [{"bytes": None, "path": str(tmp_path / "there.png")}, {"bytes": None, "path": "there.png"}]
    path = arrow_file(tmp_path / "b.arrow", cells)
    assert value(f"{path}#0/image") == 9
    with pytest.raises(InputError, match=r"b\.arrow#1/image: it holds no bytes but the path there\.png, expected"):
        read_image(f"{path}#1/image")
    (tmp_path / "there.png").unlink()
    with pytest.raises(InputError, match=r"cannot read .*there\.png, named by .*b\.arrow#0/image: No such file"):
        read_image(f"{path}#0/image")


@pytest.mark.parametrize("fragment", ["3/image", "-1/image", "x/image", "0/picture", "0", ""])
def test_a_cell_that_is_not_there_is_explained(tmp_path, fragment):
    path = arrow_file(tmp_path / "a.arrow", [png(i) for i in range(3)])
    with pytest.raises(InputError, match=r"expected row/column with a row below 3 and one of the columns \['image'"):
        arrow_bytes(path, fragment)


@pytest.mark.parametrize(("cell", "found"), [({"bytes": None, "path": None}, "NoneType"), ({"bytes": b""}, "bytes")])
def test_a_cell_without_an_image_is_named(tmp_path, cell, found):
    cells = [{"bytes": png(1), "path": None}, {"bytes": None, "path": None} | cell]
    path = arrow_file(tmp_path / "a.arrow", cells)
    with pytest.raises(InputError, match=rf"a\.arrow#1/image: the cell holds no image bytes, found {found}"):
        read_image(f"{path}#1/image")


def test_a_cell_of_another_content_is_named(tmp_path):
    path = arrow_file(tmp_path / "a.arrow", [png(0), b"text", png(2)[:45]])
    with pytest.raises(InputError, match=r"cannot read .*a\.arrow#1/image: cannot identify image file"):
        read_image(f"{path}#1/image")
    with pytest.raises(InputError, match=r"cannot read .*a\.arrow#2/image: .*truncated"):
        read_image(f"{path}#2/image")
    with pytest.raises(InputError, match=r"a\.arrow#1/label: the cell holds no image bytes, found int"):
        read_image(f"{path}#1/label")


@pytest.mark.parametrize("content", [b"text", b"ARROW1"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.arrow").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*a\.arrow: it is no Arrow file"):
        read_image(f"{tmp_path / 'a.arrow'}#0/image")


def test_a_truncated_file_is_named(tmp_path):
    path = arrow_file(tmp_path / "a.arrow", [png(i, 64) for i in range(50)])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"cannot read .*a\.arrow"):
        read_image(f"{path}#49/image")


def test_a_rewritten_file_is_read_anew(tmp_path):
    path = arrow_file(tmp_path / "a.arrow", [png(1)])
    assert value(f"{path}#0/image") == 1
    os.utime(path, ns=(1, 1))
    path.unlink()
    arrow_file(path, [png(2)])
    assert value(f"{path}#0/image") == 2


def test_forked_processes_read_what_the_parent_opened(tmp_path):
    path = arrow_file(tmp_path / "a.arrow", [png(i) for i in range(10)])
    assert value(f"{path}#0/image") == 0
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(value, [f"{path}#{i}/image" for i in range(10)]) == list(range(10))
