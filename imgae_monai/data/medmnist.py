"""A MedMNIST ``.npz`` (2-D or 3-D, any size) as a data list, without unpickling and without loading it.

Source: Yang et al., "MedMNIST v2", Scientific Data 2023. Its members are unpacked once into the cache, where single
images can be memory-mapped.
"""

from __future__ import annotations

import hashlib
import logging
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgae_monai.data.cache_folder import cache_folder
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,  # a password is required, or (NotImplementedError) an unknown compression
)
_DEFAULT_NORMAL, _DEFAULT_ABNORMAL = ("normal",), ("abnormal",)


def read_medmnist(
    path: Path, normal_names: Sequence[str] = _DEFAULT_NORMAL, abnormal_names: Sequence[str] = _DEFAULT_ABNORMAL
) -> list[dict[str, Any]]:
    """List the images of ``train_images``, ``val_images``, ``test_images`` with ``*_labels``.

    Which label is the normal class is never guessed (in BreastMNIST 0 is malignant): ``normal_names`` must say it. With
    ``abnormal_names`` left at its default every other label is abnormal. Where each image has several labels of 0 or 1
    (ChestMNIST), an image is normal if none is set, and neither argument is used.

    Args:
        path: the ``.npz``.
        normal_names: label values of the normal class, as ``["0"]``.
        abnormal_names: label values of the abnormal classes.

    Returns:
        dicts with ``image`` (``…/train_images.npy#17``), ``label`` (0 normal, 1 abnormal), ``split``, ``finding`` (the
        label value, or the set labels' indices), ``patient_id`` (the image's own, MedMNIST doesn't tell patients) and
        ``patient_known`` False.

    Raises:
        InputError: when the file is damaged, is no MedMNIST, or the normal class is not named.
    """
    folder = _unpack(path)
    labels = {s: _load_labels(path, folder, s) for s in SPLITS if (folder / f"{s}_images.npy").is_file()}
    multi = any(values.ndim == 2 and values.shape[1] > 1 for values in labels.values())
    findings = {s: [_finding(row) if multi else str(int(row)) for row in v] for s, v in labels.items()}
    is_normal = {"": True} if multi else _normal_by_value(path, findings, normal_names, abnormal_names)
    if multi:
        logger.info("%s: images have several labels; those with none set are normal", path)
    return [
        {
            "image": f"{folder / f'{split}_images.npy'}#{i}",
            "label": int(not is_normal.get(value, False)),
            "patient_id": f"{split}/{i}",
            "patient_known": False,
            "split": split,
            **({"finding": value} if value else {}),
        }
        for split, values in findings.items()
        for i, value in enumerate(values)
    ]


def _finding(row: np.ndarray) -> str:
    return "|".join(str(k) for k in np.flatnonzero(row))


def _normal_by_value(
    path: Path, findings: dict[str, list[str]], normal_names: Sequence[str], abnormal_names: Sequence[str]
) -> dict[str, bool]:
    counts = Counter(value for values in findings.values() for value in values)
    listed = ", ".join(f"{value} ({counts[value]} images)" for value in sorted(counts, key=int))
    normal, abnormal = ({str(name) for name in names} for names in (normal_names, abnormal_names))
    if not normal <= counts.keys():
        raise InputError(
            f"{path}: which of the labels {listed} is normal is not known, normal_names is {sorted(normal)}: name it, "
            "as --normal_names 0"
        )
    if normal & abnormal:
        raise InputError(f"{path}: label {sorted(normal & abnormal)[0]} is in normal_names and in abnormal_names")
    others = counts.keys() - normal
    if tuple(abnormal_names) == _DEFAULT_ABNORMAL:
        logger.info("%s: labels %s count as abnormal", path, sorted(others, key=int))
    elif not others <= abnormal:
        raise InputError(
            f"{path}: labels {sorted(others - abnormal, key=int)} are in neither normal_names nor "
            f"abnormal_names; there are {listed}"
        )
    return {value: value in normal for value in counts}


def _load_labels(path: Path, folder: Path, split: str) -> np.ndarray:
    labels = np.load(folder / f"{split}_labels.npy", allow_pickle=False)
    images = np.load(folder / f"{split}_images.npy", mmap_mode="r", allow_pickle=False)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "biu" or labels.ndim not in (1, 2) or len(labels) != len(images):
        raise InputError(
            f"{path}: {split}_labels of dtype {labels.dtype} and shape {labels.shape}, expected integers, one row for "
            f"each of {len(images)} images"
        )
    if labels.ndim == 2 and not np.isin(labels, (0, 1)).all():
        raise InputError(f"{path}: {split}_labels has rows of several labels, expected 0 or 1 in each")
    return labels


def _unpack(path: Path) -> Path:
    """Folder of the members as ``.npy``, complete whenever it exists."""
    stat = path.stat()
    digest = hashlib.sha256(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:16]
    target = cache_folder() / f"npz-{digest}"
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".npz-", dir=target.parent) as scratch:
            draft = Path(scratch) / target.name
            draft.mkdir()
            with zipfile.ZipFile(path) as archive:
                _copy_members(path, archive, draft)
            for member in draft.iterdir():
                np.load(member, mmap_mode="r", allow_pickle=False)
            try:
                draft.rename(target)
            except OSError:  # another process may have unpacked the same file meanwhile
                if not target.is_dir():
                    raise
    except OSError as e:
        raise InputError(f"cannot unpack {path} to {target.parent}: {e.strerror or e}") from e
    except _DAMAGE as e:
        raise e if isinstance(e, InputError) else InputError(f"cannot read {path}: {e}; fetch it again") from e
    return target


def _copy_members(path: Path, archive: zipfile.ZipFile, draft: Path) -> None:
    names = {*archive.namelist()}
    pairs = [(f"{split}_images.npy", f"{split}_labels.npy") for split in SPLITS]
    present = [pair for pair in pairs if names.intersection(pair)]
    lost = [name for pair in present for name in pair if name not in names]
    if not present or lost:
        raise InputError(
            f"{path} is no MedMNIST file: expected train_images, train_labels, val_images ..., found "
            f"{sorted(name.removesuffix('.npy') for name in names)}"
        )
    for pair in present:
        for name in pair:
            with archive.open(name) as source, open(draft / name, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
