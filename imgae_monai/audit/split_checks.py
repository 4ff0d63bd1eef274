"""What is wrong with the set as a study: leaks, labels, patients, missing classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from imgae_monai.audit.duplicates import Copies
from imgae_monai.audit.finding import Finding, Group
from imgae_monai.data.datalist_file import SECTIONS
from imgae_monai.data.image_reference import split_reference
from imgae_monai.data.patients import patient_known

Items = Sequence[dict[str, Any]]
SPLITS = tuple(SECTIONS.values())
_CLASSES = ("normal", "abnormal")


def check_splits(items: Items, copies: Sequence[Copies], volumes: Sequence[str] = ()) -> list[Finding]:
    """Findings about patients, volumes, copies, labels and classes.

    Args:
        items: dicts with ``image``, ``label``, ``patient_id``, ``split``.
        copies: see :py:func:`imgae_monai.audit.duplicates.find_copies`; members are indices into ``items``.
        volumes: hash of each item's NIfTI file, ``""`` where it has none; empty where no item has one.

    Returns:
        the findings that there are.
    """
    leaks = [_patients_across_splits(items), _volumes_across_splits(items, volumes)]
    findings = [*leaks, *_check_copies(items, copies), *_check_classes(items)]
    return [finding for finding in findings if finding.groups]


def patient_unknown(item: dict[str, Any]) -> bool:
    """Whether an item's own place stands for its patient, as whoever read the source has marked."""
    return not patient_known(item)


def conflicting(items: Items, group: Copies) -> bool:
    """Whether copies have two labels: near copies of one patient may differ, since the patient may have fallen ill."""
    labels = {items[i]["label"] for i in group.members}
    return len(labels) > 1 and (group.exact or len({items[i]["patient_id"] for i in group.members}) > 1)


def _patients_across_splits(items: Items) -> Finding:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        found[item["patient_id"]].append(item)
    groups = tuple(
        Group(tuple(i["image"] for i in own), f"patient {patient}: {_tally(own, 'split')}")
        for patient, own in found.items()
        if len({i["split"] for i in own}) > 1
    )
    message = "a patient stands in two splits, so test figures would be too good: leave each patient in one split"
    return Finding("patient_across_splits", "error", message, groups)


def _volumes_across_splits(items: Items, volumes: Sequence[str]) -> Finding:
    """Slices of one file in two splits, whatever patients the source gives them; whole volumes are copies already."""
    groups = []
    for members in group_volumes(volumes):
        own = [items[i] for i in members]
        if len({i["split"] for i in own}) > 1 and any(split_reference(i["image"])[1] for i in own):
            groups.append(Group(tuple(i["image"] for i in own), f"one volume: {_tally(own, 'split')}"))
    message = "a volume stands in two splits, so test figures would be too good: leave each volume in one split"
    return Finding("volume_across_splits", "error", message, tuple(groups))


def group_volumes(volumes: Sequence[str]) -> list[tuple[int, ...]]:
    """Indices of the items of each NIfTI file.

    Example:
        >>> group_volumes(["a", "", "b", "a", ""])
        [(0, 3), (2,)]
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for i, volume in enumerate(volumes):
        if volume:
            groups[volume].append(i)
    return [tuple(group) for group in groups.values()]


def _check_copies(items: Items, copies: Sequence[Copies]) -> list[Finding]:
    def split_leak(group: Copies) -> bool:
        return len({items[i]["split"] for i in group.members}) > 1

    def conflict(group: Copies) -> bool:
        return conflicting(items, group)

    def within(group: Copies) -> bool:
        followed_up = not group.exact and len({items[i]["patient_id"] for i in group.members}) == 1
        return not (split_leak(group) or conflict(group) or followed_up)

    leak = "one picture stands in two splits, so test figures would be too good: leave it in one split"
    table: list[tuple[str, str, bool, Callable[[Copies], bool], str]] = [
        ("duplicate_across_splits", "error", True, split_leak, leak),
        ("label_conflict", "error", True, conflict, "one picture is called normal and abnormal: find out which it is"),
        (
            "near_label_conflict",
            "error",
            False,
            conflict,
            "nearly the same picture of two patients is called normal and abnormal: look which it is",
        ),
        ("near_duplicate_across_splits", "warning", False, split_leak, f"{leak}; look at the pairs first"),
        ("duplicate", "warning", True, within, "counts more than once: keep one of each"),
        (
            "near_duplicate",
            "note",
            False,
            within,
            "counts nearly twice; look whether the patients are one",
        ),
    ]
    return [
        Finding(
            kind,
            severity,
            message,
            tuple(_copy_group(items, group) for group in copies if group.exact is exact and applies(group)),
        )
        for kind, severity, exact, applies, message in table
    ]


def _copy_group(items: Items, group: Copies) -> Group:
    own = [items[i] for i in group.members]
    patients = {i["patient_id"] for i in own if not patient_unknown(i)}
    parts = [group.how, _tally(own, "split"), ", ".join(_CLASSES[label] for label in sorted({i["label"] for i in own}))]
    if patients:
        parts.append(f"patient{'s' if len(patients) > 1 else ''} {', '.join(sorted(patients)[:5])}")
    return Group(tuple(i["image"] for i in own), "; ".join(parts))


def _tally(items: Items, key: str) -> str:
    return ", ".join(f"{n} in {value}" for value, n in sorted(Counter(str(i[key]) for i in items).items()))


def _check_classes(items: Items) -> list[Finding]:
    counts = count_classes(items)
    wanted = (("train", "normal"), ("test", "normal"), ("test", "abnormal"))
    unknown = tuple(i["image"] for i in items if patient_unknown(i))
    stray = tuple(Group((i["image"],), "abnormal") for i in items if i["split"] == "train" and i["label"] == 1)
    absent = tuple(Group((), f"no {kind} images in {split}") for split, kind in wanted if not counts[split][kind])
    return [
        Finding("abnormal_in_train", "error", "training sees normals only: move or leave these out", stray),
        Finding("missing_class", "warning", "training or its figures need these images", absent),
        Finding(
            "unknown_patients",
            "warning",
            "no patient_id and no patient_pattern: that no patient is in two splits can't be checked",
            (Group(unknown, f"{len(unknown)} of {len(items)} images", len(unknown)),) if unknown else (),
        ),
        Finding(
            "no_validation",
            "note",
            "training will hold out a share of the training patients (val_fraction)",
            () if counts["val"]["normal"] else (Group((), "no normal images in val"),),
        ),
        Finding("patient_in_both_classes", "note", "a patient has normal and abnormal images", _in_both(items)),
    ]


def _in_both(items: Items) -> tuple[Group, ...]:
    """Patients with images of both classes."""
    own: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        own[item["patient_id"]].append(item)
    both = {patient: found for patient, found in own.items() if len({i["label"] for i in found}) > 1}
    return tuple(Group(tuple(i["image"] for i in found), f"patient {patient}") for patient, found in both.items())


def count_classes(items: Items) -> dict[str, dict[str, int]]:
    """Numbers of normal and abnormal images and of patients by split.

    Example:
        >>> count_classes([{"split": "test", "label": 1, "patient_id": "7"}])["test"]
        {'normal': 0, 'abnormal': 1, 'patients': 1}
    """
    result = {}
    for split in SPLITS:
        own = [item for item in items if item["split"] == split]
        tally = Counter(_CLASSES[item["label"]] for item in own)
        result[split] = {kind: tally[kind] for kind in _CLASSES}
        result[split]["patients"] = len({item["patient_id"] for item in own})
    return result


def count_by(items: Items, key: str) -> dict[str, dict[str, dict[str, int]]]:
    """:py:func:`count_classes` for each value of ``key`` (``view``, ``sex``); empty where no item knows it."""
    values = sorted({str(item.get(key) or "unknown") for item in items})
    if values in ([], ["unknown"]):
        return {}
    return {v: count_classes([i for i in items if str(i.get(key) or "unknown") == v]) for v in values}
