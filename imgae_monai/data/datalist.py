"""One form for every source: the checked data list."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from monai.config import PathLike
from monai.utils import ensure_tuple

from imgae_monai.data.filters import filter_items
from imgae_monai.data.fingerprint import add_hashes, datalist_fingerprint
from imgae_monai.data.header_check import check_headers
from imgae_monai.data.image_reader import SUFFIXES
from imgae_monai.data.patients import patient_known
from imgae_monai.data.regions import regions_of
from imgae_monai.data.sources import read_source
from imgae_monai.data.splits import check_disjoint, check_labels, split_validation
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

SYNTHETIC_NOTICE = "SYNTHETIC DATA (drawn phantoms, not patients): no figure here says anything about patients"


@dataclasses.dataclass(frozen=True)
class Datalist:
    """A checked data list.

    Args:
        items: dicts with ``image`` (path), ``label`` (0 normal, 1 abnormal), ``patient_id``, ``split``, ``sha256`` and
            what else the source knows (``finding``, ``view``, ``sex``, ``age``, ``boxes``, ``mask``).
        source: the path or URI that it was read from.
        synthetic: whether the images are drawn phantoms.
        fallbacks: why each source that was named before this one could not be had.
    """

    items: list[dict[str, Any]]
    source: str
    synthetic: bool
    fallbacks: tuple[str, ...] = ()

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of contents, labels, splits and patients, see :py:func:`imgae_monai.data.datalist_fingerprint`."""
        return datalist_fingerprint(self.items)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of normal and abnormal images by split."""
        tally = Counter((item["split"], item["label"]) for item in self.items)
        return {s: {"normal": tally[s, 0], "abnormal": tally[s, 1]} for s in ("train", "val", "test")}

    def select(self, split: str, label: int | None = None) -> list[dict[str, Any]]:
        """Items of one split as a MONAI dataset takes them.

        Args:
            split: ``"train"``, ``"val"`` or ``"test"``.
            label: 0 for normal images only, 1 for abnormal ones, None for both.

        Returns:
            dicts with ``image`` and ``image_path`` (both the path), ``label``, ``patient_id``, ``patient_known``, and
            ``sha256``, by which a stream's examples and images cached on disk are known again.

        Raises:
            InputError: when there is none.
        """
        chosen = [i for i in self.items if i["split"] == split and label in (None, i["label"])]
        if not chosen:
            kind = {None: "", 0: "normal ", 1: "abnormal "}[label]
            raise InputError(f"no {kind}images in the {split} split of {self.source}: found {self.counts}")
        return [
            {
                "image": i["image"],
                "image_path": i["image"],
                "label": i["label"],
                "patient_id": i["patient_id"],
                "patient_known": patient_known(i),
                "sha256": i["sha256"],
            }
            for i in chosen
        ]

    def regions(self, split: str) -> dict[str, dict[str, Any]]:
        """Where the images of a split are known to be abnormal, to be looked up by ``image_path``.

        Args:
            split: ``"train"``, ``"val"`` or ``"test"``.

        Returns:
            by path of an image ``boxes`` (dicts with ``finding`` and ``box`` ``[x, y, width, height]`` as shares of the
            image's width and height) and ``mask`` (a path), as :py:func:`imgae_monai.data.truth_mask` takes them;
            images of which no region is known are left out, and are then neither normal nor abnormal in any pixel.
        """
        return regions_of([item for item in self.items if item["split"] == split])


def load_datalist(
    source: PathLike | Sequence[PathLike],
    normal_names: Sequence[str] | str = ("normal",),
    abnormal_names: Sequence[str] | str = ("abnormal",),
    patient_pattern: str | None = None,
    val_fraction: float = 0.1,
    drop_train_abnormal: bool = False,
    seed: int = 0,
    views: Sequence[str] | str | None = None,
    sexes: Sequence[str] | str | None = None,
    ages: Sequence[int] | str | None = None,
    findings: Sequence[str] | str | None = None,
    slice_axis: int | None = None,
    slice_fraction: float = 1.0,
) -> Datalist:
    """Read a source, split validation off where there is none, and refuse what would falsify a study.

    Args:
        source: a path or an address of any kind that :py:func:`imgae_monai.data.read_source` reads, or a list of them,
            tried in order until one can be had.
        normal_names: names of the normal class (folders, class names or label values).
        abnormal_names: names of the abnormal classes.
        patient_pattern: regular expression for the patient in a file's name, see
            :py:func:`imgae_monai.data.read_folder_tree`.
        val_fraction: share of the normal training patients held out where the source has no validation split.
        drop_train_abnormal: leave abnormal training images out instead of refusing them.
        seed: seed of that split.
        views: keep these views only, as ``["PA"]``; this and the next three see :py:func:`filter_items`.
        sexes: keep these sexes only, as ``["F"]``.
        ages: keep these years only, ``"18-90"``.
        findings: of the abnormal images keep those with any of these findings.
        slice_axis: turn NIfTI volumes into slices along this axis, see :py:func:`imgae_monai.data.expand_volumes`.
        slice_fraction: share of the slices to keep, around the middle.

    Raises:
        InputError: when the source is missing or empty, has abnormal training images, a patient or an image in two
            splits, or one image under both labels.

    Example:
        >>> data = load_datalist("synthetic://?size=32&n_train=8&n_val=4&n_test_normal=4&n_test_abnormal=4")
        >>> data.synthetic, data.counts["train"]
        (True, {'normal': 8, 'abnormal': 0})
    """
    read = read_source(
        source, ensure_tuple(normal_names), ensure_tuple(abnormal_names), patient_pattern, slice_axis, slice_fraction
    )
    items = read.items
    if not items:
        raise InputError(f"{read.origin} has no images ({', '.join(SUFFIXES)})")
    if read.synthetic:
        logger.warning("%s: %s", read.origin, SYNTHETIC_NOTICE)
    items = filter_items(items, views, sexes, ages, findings)
    if not items:
        raise InputError(f"{read.origin}: no image passes the filters (views, sexes, ages, findings)")
    stray = [item["image"] for item in items if item["split"] == "train" and item["label"] == 1]
    if stray and not drop_train_abnormal:
        raise InputError(
            f"{len(stray)} abnormal image(s) in the training split of {read.origin}, which must be normal only: "
            f"{stray[0]}{' ...' if len(stray) > 1 else ''}. Move them to test, or leave them out by "
            "drop_train_abnormal"
        )
    if stray:
        logger.warning("%s: %d abnormal training images are left out", read.origin, len(stray))
    items = add_hashes(items)
    check_headers(items)
    check_labels(items)
    items = [item for item in items if item["split"] != "train" or item["label"] == 0]
    has_train = any(item["split"] == "train" for item in items)
    if has_train and not any(item["split"] == "val" and item["label"] == 0 for item in items):
        items = split_validation(items, val_fraction, seed)
    check_disjoint(items)
    return Datalist(items=items, source=read.origin, synthetic=read.synthetic, fallbacks=read.fallbacks)
