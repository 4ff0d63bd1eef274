"""Make sure that models were scored on the same images, and bring the images into one order."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.report.evaluation import Evaluation

_SHOWN = 3
BY_FINGERPRINT = "by the fingerprint of the images' bytes"
BY_NAMES = "by the images' names, labels and patients"


def align(evaluations: Sequence[Evaluation]) -> tuple[list[Evaluation], str]:
    """The evaluations with their images in the first one's order.

    Images are matched by name, whatever the order of the rows; where the names differ only in the folder that all of
    them are in (data that were moved), by what is below it; else by the files' names, where no two are the same.
    Patients may be called otherwise, as long as the same images belong together.

    Args:
        evaluations: at least one.

    Returns:
        the evaluations, and how it is known that the images are the same.

    Raises:
        InputError: when they are of other images, labels or patients, or the fingerprints of both are known and differ;
            the message names the first that differ.
    """
    first = evaluations[0]
    aligned = [first, *(_like(first, other) for other in evaluations[1:])]
    return aligned, BY_FINGERPRINT if all(_fingerprints(first, e) for e in evaluations) else BY_NAMES


def _like(first: Evaluation, other: Evaluation) -> Evaluation:
    if _fingerprints(first, other) is False:
        raise InputError(
            f"{first.folder} and {other.folder} are of other images, labels or patients: the fingerprints of their "
            "data differ; evaluate both on the same data, and train both with the same patient_pattern"
        )
    other = _in_order(first, other)
    different = np.flatnonzero(first.labels != other.labels)
    if different.size:
        i = int(different[0])
        raise InputError(
            f"{first.images[i]} has label {first.labels[i]} in {first.folder} ({first.name}) and {other.labels[i]} in "
            f"{other.folder} ({other.name}); {different.size} label(s) differ: make them the same"
        )
    _check_patients(first, other)
    return other


def _fingerprints(first: Evaluation, other: Evaluation) -> bool | None:
    """Whether two evaluations' fingerprints agree; None where one of them has none."""
    # of the images that were scored; the older one is of all splits, which a seed may divide otherwise
    for key in ("images_fingerprint", "data_fingerprint"):
        found = [(e.metrics or {}).get(key) for e in (first, other)]
        if None not in found:
            return bool(found[0] == found[1])
    return None


def _in_order(first: Evaluation, other: Evaluation) -> Evaluation:
    if first.images == other.images:
        return other
    forms = [(first.images, other.images), (_below(first.images), _below(other.images))]
    forms.append((_files(first.images), _files(other.images)))
    for here, there in forms:
        order = _order(here, there)
        if order is not None:
            return _reordered(other, order, first.images)
    unique = [form for form in forms if all(len({*names}) == len(names) for names in form)]
    here, there = min(unique or forms, key=lambda form: len({*form[0]} ^ {*form[1]}))
    raise InputError(_names_that_differ(first, other, {*here}, {*there}))


def _order(images: Sequence[str], others: Sequence[str]) -> NDArray[np.intp] | None:
    """Where each image stands among the others; None where they are not the same set."""
    places = {image: i for i, image in enumerate(others)}
    if not len({*images}) == len(images) == len(others) == len(places) or not all(image in places for image in images):
        return None
    return np.fromiter((places[image] for image in images), dtype=np.intp, count=len(images))


def _below(images: Sequence[str]) -> list[str]:
    """The names without the folder that all are in."""
    folder = os.path.commonprefix([min(images), max(images)])  # noqa: RUF071, cut at a folder below
    length = folder.rfind("/") + 1
    return [image[length:] for image in images]


def _files(images: Sequence[str]) -> list[str]:
    """The names without any folder."""
    return [image.rpartition("/")[2] for image in images]


def _reordered(evaluation: Evaluation, order: NDArray[np.intp], images: tuple[str, ...]) -> Evaluation:
    return dataclasses.replace(
        evaluation,
        images=images,
        labels=evaluation.labels[order],
        patient_ids=tuple(evaluation.patient_ids[i] for i in order),
        scores=evaluation.scores[order],
        decisions=None if evaluation.decisions is None else evaluation.decisions[order],
        probabilities=None if evaluation.probabilities is None else evaluation.probabilities[order],
    )


def _check_patients(first: Evaluation, other: Evaluation) -> None:
    there: dict[str, str] = {}
    here: dict[str, str] = {}
    for i, (a, b) in enumerate(zip(first.patient_ids, other.patient_ids, strict=True)):
        if there.setdefault(a, b) != b or here.setdefault(b, a) != a:
            raise InputError(
                f"{first.images[i]} is of patient {a} in {first.folder} ({first.name}) and of {b} in {other.folder} "
                f"({other.name}), and other images say that these are two: give the same patients"
            )


def _names_that_differ(first: Evaluation, other: Evaluation, here: set[str], there: set[str]) -> str:
    parts = [
        f"only in {e.folder} ({e.name}): {', '.join(sorted(names)[:_SHOWN])}"
        + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        for e, names in ((first, here - there), (other, there - here))
        if names
    ]
    return f"the models were not scored on the same images ({len(here & there)} are in both); {'; '.join(parts)}"
