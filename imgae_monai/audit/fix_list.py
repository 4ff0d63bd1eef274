"""A data list without what the checks have found, for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.audit.audit import Audit
from imgae_monai.audit.image_checks import is_near_empty
from imgae_monai.audit.split_checks import conflicting, group_volumes
from imgae_monai.data.datalist import Datalist
from imgae_monai.data.datalist_file import write_datalist_file
from imgae_monai.data.image_reference import split_reference
from imgae_monai.exceptions import InputError

_PRIORITY = ("test", "val", "train")  # a leak is mended in the split that comes later


def removed_images(audit: Audit) -> dict[int, str]:
    """Indices of the items to leave out, each with the reason.

    Out go images that can't be read, are constant or nearly empty; every copy where copies have two labels; abnormal
    training images; of a patient, volume or picture in two splits what stands in training (or, shared with the test
    split, in validation): the test split is not touched to mend a leak. Of exact copies within a split the first stays.
    Near copies within a split stay.

    Args:
        audit: of the set.
    """
    items = audit.source.items
    removed: dict[int, str] = {}
    for i, m in enumerate(audit.measurements):
        if m.error is not None:
            removed[i] = "truncated" if m.truncated else "unreadable"
        elif m.constant or is_near_empty(m):
            removed[i] = "constant" if m.constant else "near_empty"
        elif items[i]["split"] == "train" and items[i]["label"] == 1:
            removed[i] = "abnormal_in_train"
    for group in audit.copies:
        if conflicting(items, group):
            kind = "label_conflict" if group.exact else "near_label_conflict"
            removed.update({i: kind for i in group.members if i not in removed})
    _mend_leaks(items, _by_patient(items), "patient_across_splits", removed)
    volumes = group_volumes([m.volume_sha256 for m in audit.measurements])
    _mend_leaks(items, volumes, "volume_across_splits", removed)
    for group in audit.copies:
        kind = "duplicate_across_splits" if group.exact else "near_duplicate_across_splits"
        _mend_leaks(items, [group.members], kind, removed)
    for group in audit.copies:
        if group.exact:
            removed.update(dict.fromkeys([i for i in group.members if i not in removed][1:], "duplicate"))
    return dict(sorted(removed.items()))


def _by_patient(items: Sequence[dict[str, Any]]) -> list[tuple[int, ...]]:
    groups: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        groups.setdefault(item["patient_id"], []).append(i)
    return [tuple(group) for group in groups.values()]


def _mend_leaks(
    items: Sequence[dict[str, Any]], groups: Sequence[tuple[int, ...]], kind: str, removed: dict[int, str]
) -> None:
    """Leave of each group only what stands in its first split by priority."""
    for group in groups:
        left = [i for i in group if i not in removed]
        first = min((_PRIORITY.index(items[i]["split"]) for i in left), default=0)
        removed.update({i: kind for i in left if _PRIORITY.index(items[i]["split"]) > first})


def write_fix_list(path: Path, audit: Audit, overwrite: bool = False) -> dict[int, str]:
    """Write a MONAI datalist without the faulty images, with absolute paths.

    Args:
        path: JSON file to write.
        audit: of the set.
        overwrite: whether it may replace a file.

    Returns:
        the items left out, see :py:func:`removed_images`.

    Raises:
        InputError: when the file exists, its folder can't be written to, or no image would be left.
    """
    check_new_file(path, overwrite)
    removed, source = removed_images(audit), audit.source
    kept = [_portable(item) for i, item in enumerate(source.items) if i not in removed]
    if not kept:
        raise InputError(f"every image of {source.origin} has a fault: no list is written")
    try:
        write_datalist_file(path, Datalist(kept, source.origin, source.synthetic, source.fallbacks))
    except OSError as e:
        raise InputError(f"cannot write {path}: {e.strerror}; give another place") from e
    return removed


def check_new_file(path: Path, overwrite: bool) -> None:
    """Refuse to replace a file unasked.

    Raises:
        InputError: when it exists and ``overwrite`` is not set, or is a folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected the name of a file to write")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another file, or --overwrite to replace it")


def _portable(item: dict[str, Any]) -> dict[str, Any]:
    """The item with an absolute path; the mark of an unknown patient stays."""
    file, fragment = split_reference(item["image"])
    image = str(file.resolve()) + (f"#{fragment}" if fragment else "")
    return {**item, "image": image}
