"""A Hugging Face data set, on the hub or here, as a data list: through Arrow files on disk, or as a stream."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imgae_monai.data.arrow_reader import open_arrow, stored_bytes, stored_path
from imgae_monai.data.class_names import ClassNames
from imgae_monai.data.hub_table import TABLE_FILES, Columns, explained, find_columns, known_splits, open_splits
from imgae_monai.data.hub_uri import HubSource, parse_hub_uri
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Example:
    """One image of a stream: its encoded bytes, the classes as stored, and the patient where known."""

    data: bytes
    label: Any
    patient: str | None


def is_hub_folder(path: Path) -> bool:
    """Whether a local path is a Parquet or Arrow file, or a folder with such files in it or one level below."""
    if path.is_file():
        return path.suffix.lower() in TABLE_FILES
    return any(any(path.glob(f"{depth}*{suffix}")) for suffix in TABLE_FILES for depth in ("", "*/"))


def read_huggingface(
    uri: str, normal_names: Sequence[str] = ("normal",), abnormal_names: Sequence[str] = ("abnormal",)
) -> list[dict[str, Any]]:
    """List the images of a data set.

    The image column is the one of the type Image; the label column the one of the type ClassLabel (or a list of them),
    or named label or labels; the patient column one named patient_id or the like. Classes are ClassLabel's names, or
    the values as text. Without ``streaming=true`` the data set is written to Arrow files in the cache of ``datasets``,
    and items refer into them; with it the stream is read once, and nothing is kept of an image but its hash.

    Args:
        uri: see :py:func:`imgae_monai.data.parse_hub_uri`.
        normal_names: classes that mean normal, any case. An image with several classes is normal only if all are.
        abnormal_names: classes that mean abnormal, any case.

    Returns:
        dicts with ``image`` (``part.arrow#8/image``, a path, or ``hf://…#train/8`` in a stream), ``label`` (0 normal,
        1 abnormal), ``patient_id``, ``split``, ``finding``; ``patient_known`` False where the row stands for its
        patient; and in a stream ``sha256`` of the encoded bytes.

    Raises:
        SourceUnavailable: when the data set can't be had, see :py:func:`imgae_monai.data.hub_table.open_splits`.
        InputError: when columns or classes are not known, or it is damaged.
    """
    source = parse_hub_uri(uri)
    splits = open_splits(source)
    names = known_splits(splits, source.uri)
    left_out = [split for split in splits if split not in names]
    if left_out:
        logger.warning("%s: the split(s) %s are left out, their names say neither train, val nor test", uri, left_out)
    classes = ClassNames(normal_names, abnormal_names)
    items: list[dict[str, Any]] = []
    for own_name, split in names.items():
        columns = find_columns(splits[own_name].features, source)
        rows = _stream_rows if source.streaming else _arrow_rows
        for number, (row, label, patient) in enumerate(rows(source, own_name, splits[own_name], columns)):
            found = columns.names(label, f"{source.uri}, {own_name} row {number}")
            known = {"label": classes.label(found), "patient_id": patient, "split": split}
            items.append({**row, **known, "finding": "|".join(found)})
            if patient is None:
                items[-1] |= {"patient_id": f"{own_name}/{number}", "patient_known": False}
    classes.check(source.uri)
    return items


def _arrow_rows(
    source: HubSource, own_name: str, dataset: Any, columns: Columns
) -> Iterator[tuple[dict[str, Any], Any, str | None]]:
    """Rows of a split in order, the images' bytes untouched on disk."""
    files = [Path(file["filename"]).resolve() for file in dataset.cache_files]
    if sum(open_arrow(file).num_rows for file in files) != len(dataset):
        raise InputError(f"{source.uri}: the split {own_name!r} is not held in whole Arrow files; save it anew")
    for file in files:
        table = open_arrow(file)
        paths = _stored_paths(table.column(columns.image), f"{file}#")
        wanted = [name for name in columns.wanted if name != columns.image]
        for number, row in enumerate(table.select(wanted).to_pylist()):
            image = paths.get(number) or f"{file}#{number}/{columns.image}"
            yield {"image": image}, row[columns.label], columns.patient_of(row)


def _stored_paths(column: Any, where: str) -> dict[int, str]:
    """Paths of the rows that hold a path and no bytes, as image folders do."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_struct(column.type) or "path" not in [field.name for field in column.type]:
        return {}
    no_bytes = pc.is_null(pc.struct_field(column, "bytes")).to_pylist()
    paths = pc.struct_field(column, "path").to_pylist()
    rows = enumerate(zip(no_bytes, paths, strict=True))
    return {i: str(stored_path(path, f"{where}{i}")) for i, (lacking, path) in rows if lacking and path}


def _stream_rows(
    source: HubSource, own_name: str, dataset: Any, columns: Columns
) -> Iterator[tuple[dict[str, Any], Any, str | None]]:
    """Rows of a split in order; of each image no more than its hash stays."""
    with explained(source):
        rows = (row for shard in range(len(dataset.files)) for row in dataset.rows(shard, columns.wanted))
        for number, row in enumerate(rows):
            name = f"{source.uri}#{own_name}/{number}"
            example = to_example(row, columns, name)
            digest = hashlib.sha256(example.data).hexdigest()
            yield {"image": name, "sha256": digest}, example.label, example.patient


def to_example(row: dict[str, Any], columns: Columns, name: str) -> Example:
    """One row of a :py:class:`imgae_monai.data.hub_stream.HubStream`.

    Raises:
        InputError: when the row holds no image.
    """
    cell = row[columns.image]
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if data is None and path:
        data = stored_bytes(path, name)
    if not isinstance(data, bytes) or not data:
        raise InputError(f"cannot read {name}: the row holds no image bytes, found {type(data).__name__}")
    return Example(data, row[columns.label], columns.patient_of(row))
