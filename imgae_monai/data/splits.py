"""Keep patients, and copies of one image, within one split."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


def warn_unknown_patients(source: object, n_unknown: int, n_images: int) -> None:
    """Say so where a source doesn't tell which images are of one patient."""
    if n_unknown:
        logger.warning(
            "%s: the patient of %d of %d images is not known (no patient_id, no patient_pattern): each counts as its "
            "own patient, so splits and intervals by patient are splits and intervals by image",
            source,
            n_unknown,
            n_images,
        )


def split_validation(items: Sequence[dict[str, Any]], val_fraction: float, seed: int) -> list[dict[str, Any]]:
    """Move a share of the training patients (all their images) to the validation split.

    The choice depends on the set of patients and the seed only, not on the items' order. Patients who share an image or
    a volume (the same bytes, where ``sha256`` and ``volume_sha256`` are known) stay together.

    Args:
        items: data list; only its normal training images can move.
        val_fraction: share of the patients, in (0, 1).
        seed: seed of the shuffle.

    Returns:
        a new list in the same order.

    Raises:
        InputError: when ``val_fraction`` is out of range, or there are fewer than two training patients.
    """
    if not 0 < val_fraction < 1:
        raise InputError(f"val_fraction must be in (0, 1), got {val_fraction}")
    groups = _groups([item for item in items if item["split"] == "train" and item["label"] == 0])
    if len(groups) < 2:
        raise InputError(f"cannot split validation off {len(groups)} normal training patient(s): give a val split")
    n_val = min(max(1, round(val_fraction * len(groups))), len(groups) - 1)
    chosen = {p for i in np.random.RandomState(seed).permutation(len(groups))[:n_val] for p in groups[i]}
    logger.info("no validation split: %d of %d training patients are held out (seed %d)", n_val, len(groups), seed)
    return [
        {**item, "split": "val"} if item["split"] == "train" and item["patient_id"] in chosen else dict(item)
        for item in items
    ]


def _groups(items: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Patients, those who share an image or a volume in one group; both levels sorted."""
    group = {item["patient_id"]: [item["patient_id"]] for item in items}
    owner: dict[str, str] = {}
    for item in items:
        image = item.get("sha256", item["image"])
        for key in (image, item.get("volume_sha256", image)):
            first = owner.setdefault(key, item["patient_id"])
            mine, other = group[item["patient_id"]], group[first]
            if mine is not other:
                other.extend(mine)
                group.update(dict.fromkeys(mine, other))
    return sorted(sorted(members) for members in {id(members): members for members in group.values()}.values())


def check_disjoint(items: Sequence[dict[str, Any]]) -> None:
    """Refuse an image (the same bytes), a patient or a volume (slices of the same file) that stands in two splits.

    Args:
        items: dicts with ``image``, ``patient_id``, ``split``, ``sha256``, and ``volume_sha256`` where it is a volume
            or a slice of one.

    Raises:
        InputError: naming up to five images, patients or volumes, and where they stand.
    """
    for key, what in (("sha256", "image"), ("patient_id", "patient"), ("volume_sha256", "volume")):
        splits: dict[str, dict[str, str]] = defaultdict(dict)
        for item in items:
            if key in item or key != "volume_sha256":
                splits[item[key]].setdefault(item["split"], item["image"])
        leaks = [(value, found) for value, found in splits.items() if len(found) > 1]
        if leaks:
            shown = "; ".join(
                (f"{value}: " if key == "patient_id" else "")
                + " and ".join(f"{image} ({split})" for split, image in found.items())
                for value, found in leaks[:5]
            )
            raise InputError(
                f"{len(leaks)} {what}(s) stand in more than one split, so test figures would be too good: {shown}"
                f"{' ...' if len(leaks) > 5 else ''}. Leave each {what} in one split"
            )


def check_labels(items: Sequence[dict[str, Any]]) -> None:
    """Refuse one image (the same bytes) that is called normal in one place and abnormal in another.

    Args:
        items: dicts with ``image``, ``label``, ``sha256``.

    Raises:
        InputError: naming up to five such images under both labels.
    """
    labels: dict[str, dict[int, str]] = defaultdict(dict)
    for item in items:
        labels[item["sha256"]].setdefault(item["label"], item["image"])
    conflicts = [found for found in labels.values() if len(found) > 1]
    if conflicts:
        shown = "; ".join(f"{found[0]} (normal) and {found[1]} (abnormal)" for found in conflicts[:5])
        raise InputError(
            f"{len(conflicts)} image(s) stand under both labels, byte for byte the same: {shown}"
            f"{' ...' if len(conflicts) > 5 else ''}. Find out which is right and take the other out"
        )
