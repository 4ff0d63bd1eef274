"""From whatever ``--data`` names to plain items: one small reader a source, nothing refused but what can't be read."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike
from monai.utils import ensure_tuple

from imgae_monai.data.datalist_file import FALLBACKS, read_datalist_file
from imgae_monai.data.encoded_image import STREAM_SCHEME
from imgae_monai.data.folder import read_folder_tree
from imgae_monai.data.hub_uri import HubSource, parse_hub_uri
from imgae_monai.data.huggingface import is_hub_folder, read_huggingface
from imgae_monai.data.kaggle import KAGGLE_SCHEME, kaggle_folder
from imgae_monai.data.medmnist import read_medmnist
from imgae_monai.data.nih import is_nih_layout, read_nih
from imgae_monai.data.patients import name_patients, patient_known
from imgae_monai.data.splits import warn_unknown_patients
from imgae_monai.data.synthetic import synthetic_folder
from imgae_monai.data.volumes import expand_volumes
from imgae_monai.exceptions import InputError, SourceUnavailable

logger = logging.getLogger(__name__)

SYNTHETIC_SCHEME = "synthetic://"
SYNTHETIC_MARKER = "synthetic.json"
SCHEMES = (STREAM_SCHEME, KAGGLE_SCHEME, SYNTHETIC_SCHEME)


@dataclasses.dataclass(frozen=True)
class Source:
    """What a source holds, as it is: duplicates, leaks and conflicts included.

    Args:
        items: dicts with ``image`` (path or reference, see :py:mod:`imgae_monai.data.image_reference`), ``label`` (0
            normal, 1 abnormal), ``patient_id``, ``split`` and what else the source knows (``finding``, ``view``,
            ``sex``, ``age``, ``boxes``, ``sha256``); ``patient_known`` False where the patient is not known and
            ``patient_id`` stands in for it.
        origin: the absolute path or the URI that it was read from.
        synthetic: whether the images are drawn phantoms.
        fallbacks: why each source that was named before this one could not be had, now or when a datalist was written.
    """

    items: list[dict[str, Any]]
    origin: str
    synthetic: bool = False
    fallbacks: tuple[str, ...] = ()


def read_source(
    source: PathLike | Sequence[PathLike],
    normal_names: Sequence[str] = ("normal",),
    abnormal_names: Sequence[str] = ("abnormal",),
    patient_pattern: str | None = None,
    slice_axis: int | None = None,
    slice_fraction: float = 1.0,
) -> Source:
    """Read a source, or the first of several that can be had.

    Only a source that is not there (:py:class:`imgae_monai.exceptions.SourceUnavailable`: no such path, no network, no
    credentials, a missing extra) is passed over, with a warning; anything wrong inside one is an error at once.

    Args:
        source: a folder tree ``train|val|test / normal|abnormal``; a folder in NIH ChestX-ray14's layout; a MONAI
            datalist ``.json``; a MedMNIST ``.npz``; a Parquet or Arrow file or a folder of them;
            ``hf://owner/name[?label=...&streaming=true]``; ``kaggle://owner/dataset[/folder]``;
            ``synthetic://[?size=64&n_train=160&...]``; or a list of such, tried in order.
        normal_names: names of the normal class (folders, class names or label values).
        abnormal_names: names of the abnormal classes.
        patient_pattern: regular expression for the patient in a file's name, see
            :py:func:`imgae_monai.data.read_folder_tree`. It wins over what a folder tree or NIH's table say; elsewhere
            it names the patients that the source does not, and is refused where these have no file name.
        slice_axis: turn NIfTI volumes into slices, see :py:func:`imgae_monai.data.expand_volumes`.
        slice_fraction: as there.

    Raises:
        SourceUnavailable: when none can be had.
        InputError: when a source is of an unknown kind or malformed.
    """
    candidates = [str(candidate) for candidate in ensure_tuple(source)]
    if not candidates:
        raise InputError("data names no source")
    reasons: list[str] = []
    for candidate in candidates:
        if reasons:
            logger.warning("%s; falling back to %s", reasons[-1], candidate)
        try:
            found = _read_one(candidate, ensure_tuple(normal_names), ensure_tuple(abnormal_names), patient_pattern)
        except SourceUnavailable as e:
            reasons.append(str(e))
        else:
            unknown = sum(not patient_known(item) for item in found.items)
            warn_unknown_patients(found.origin, unknown, len(found.items))
            items = expand_volumes(found.items, slice_axis, slice_fraction)
            return dataclasses.replace(found, items=items, fallbacks=(*reasons, *found.fallbacks))
    if len(reasons) == 1:
        raise SourceUnavailable(reasons[0])
    raise SourceUnavailable(f"none of {len(reasons)} data sources can be had: " + "; ".join(reasons))


def _read_one(
    text: str, normal_names: Sequence[str], abnormal_names: Sequence[str], patient_pattern: str | None
) -> Source:
    if text.startswith(STREAM_SCHEME):
        items = read_huggingface(text, normal_names, abnormal_names)
        return Source(_named(items, patient_pattern), parse_hub_uri(text).uri)
    if "://" in text and not text.startswith(SCHEMES):
        raise InputError(f"data {text} has an unknown scheme, expected a path or one of {', '.join(SCHEMES)}")
    root = _local_root(text)
    # one spelling of a path, so that a patient of the same source is known again
    origin = text if text.startswith(SCHEMES) else str(root.resolve())
    if root.suffix.lower() == ".json" and root.is_file():
        items = _named(read_datalist_file(root), patient_pattern)
        content = json.loads(root.read_text(encoding="utf-8"))
        told = content if isinstance(content, dict) else {}
        return Source(items, origin, told.get("synthetic") is True, tuple(map(str, told.get(FALLBACKS, ()))))
    if root.suffix.lower() == ".npz" and root.is_file():
        return Source(_named(read_medmnist(root, normal_names, abnormal_names), patient_pattern), origin)
    if is_nih_layout(root):
        return Source(_named(read_nih(root), patient_pattern, every=True), origin)
    if is_hub_folder(root):
        items = read_huggingface(HubSource(str(root.resolve())).uri, normal_names, abnormal_names)
        return Source(_named(items, patient_pattern), origin)
    if root.is_file():
        raise InputError(
            f"data {text} is a file, expected a folder or a datalist .json (or a MedMNIST .npz, .parquet or .arrow)"
        )
    synthetic = (root / SYNTHETIC_MARKER).is_file()
    return Source(read_folder_tree(root, normal_names, abnormal_names, patient_pattern), origin, synthetic)


def _named(items: list[dict[str, Any]], patient_pattern: str | None, every: bool = False) -> list[dict[str, Any]]:
    return items if patient_pattern is None else name_patients(items, patient_pattern, every)


def _local_root(text: str) -> Path:
    if text.startswith(SYNTHETIC_SCHEME):
        return synthetic_folder(text)
    if text.startswith(KAGGLE_SCHEME):
        return kaggle_folder(text)
    root = Path(text).expanduser()
    if not root.exists():
        raise SourceUnavailable(
            f"data {text} does not exist: give a folder, a datalist .json or {SYNTHETIC_SCHEME} (or another address, "
            f"{STREAM_SCHEME} or {KAGGLE_SCHEME})"
        )
    return root
