"""Read one cell of an Arrow file that Hugging Face ``datasets`` wrote, through a memory map."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from imgae_monai.exceptions import InputError, SourceUnavailable


def open_arrow(path: Path) -> Any:
    """The file as a ``pyarrow.Table`` that stays on disk; kept open, and opened anew when the file has changed.

    Raises:
        InputError: when the file is missing or is no Arrow file.
        SourceUnavailable: when pyarrow is missing.
    """
    try:
        stat = path.stat()
        return _open(path, stat.st_mtime_ns, stat.st_size)
    except OSError as e:
        raise InputError(f"cannot read {path}: {e.strerror or e}") from e


@functools.lru_cache(maxsize=64)
def _open(path: Path, mtime_ns: int, size: int) -> Any:
    try:
        import pyarrow as pa
    except ImportError as e:
        raise SourceUnavailable(f"reading {path} needs pyarrow: pip install 'imgae_monai[huggingface]'") from e

    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_stream(source).read_all()
    except pa.ArrowInvalid:
        pass
    try:
        return pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid as e:
        raise InputError(f"cannot read {path}: it is no Arrow file ({e})") from e


def arrow_bytes(path: Path, fragment: str) -> bytes:
    """Encoded bytes of one image.

    Args:
        path: Arrow file (stream or file format).
        fragment: ``row/column``, the row counted from 0 over all record batches. The cell is the bytes, or a struct
            with ``bytes`` and ``path``; one without bytes stands for the file at its path.

    Raises:
        InputError: when there is no such cell, or it holds no image.
    """
    table = open_arrow(path)
    row, _, column = fragment.partition("/")
    if not row.isdecimal() or int(row) >= table.num_rows or column not in table.column_names:
        raise InputError(
            f"cannot read {path}#{fragment}: expected row/column with a row below {table.num_rows} and one of the "
            f"columns {table.column_names}"
        )
    cells = table.column(column).slice(int(row), 1)
    try:
        cells.validate(full=True)  # pyarrow follows a damaged offset out of the file's memory
    except ValueError as e:
        raise InputError(f"cannot read {path}#{fragment}: the Arrow file is damaged ({e})") from e
    cell = cells[0].as_py()
    data, stored = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if data is None and stored:
        data = stored_bytes(stored, f"{path}#{fragment}")
    if not isinstance(data, bytes) or not data:
        raise InputError(f"cannot read {path}#{fragment}: the cell holds no image bytes, found {type(data).__name__}")
    return data


def stored_path(text: str, reference: str) -> Path:
    """The file that a cell without bytes names.

    Args:
        text: the cell's path.
        reference: the cell, for messages.

    Raises:
        InputError: when it is no absolute path here: where a relative one starts, nobody has said.
    """
    path = Path(text)
    if not path.is_absolute():
        raise InputError(
            f"cannot read {reference}: it holds no bytes but the path {text}, expected an absolute path; store the "
            "images' bytes"
        )
    return path


def stored_bytes(text: str, reference: str) -> bytes:
    """Content of the file that a cell without bytes names, see :py:func:`stored_path`.

    Raises:
        InputError: also when the file can't be read.
    """
    path = stored_path(text, reference)
    try:
        return path.read_bytes()
    except OSError as e:
        raise InputError(f"cannot read {path}, named by {reference}: {e.strerror}") from e
