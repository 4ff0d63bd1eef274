"""Keep what a network was trained or selected on out of its evaluation."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from monai.config import PathLike

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.encoded_image import STREAM_SCHEME
from imgae_monai.data.patients import patient_known
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


def refuse_seen(
    datalist: Datalist, split: str, trained_on: PathLike, sections: Sequence[str] = ("training", "validation")
) -> None:
    """Refuse to evaluate on images, volumes or patients that the network was trained or selected on.

    An image is known again by its bytes, a volume by its file's, however it is sliced. Patients are compared by their
    ids within one source: streamed or not, and a data list counts as the source that it says it was made from. Between
    sources, ids that occur in both are warned of, since two hospitals may have given the same ones.

    Args:
        datalist: the data about to be evaluated.
        split: the split about to be evaluated.
        trained_on: the data list that training left, written by :py:func:`imgae_monai.data.write_datalist_file`.
        sections: sections of that list whose images must not be used again (calibration may use the validation's).

    Raises:
        InputError: naming up to five of the images.
    """
    path = Path(trained_on)
    if not path.is_file():
        logger.warning("%s is missing: whether these images were trained on can't be told", path)
        return
    record = json.loads(path.read_text(encoding="utf-8"))
    used = [item for section in sections for item in record[section]]
    hashes = {item[key] for item in used for key in ("sha256", "volume_sha256") if key in item}
    patients = {item["patient_id"] for item in used}
    same_source = not _origins(record["source"]).isdisjoint(_origins(datalist.source))
    own = [item for item in datalist.items if item["split"] == split]
    seen = [
        item["image"]
        for item in own
        if not hashes.isdisjoint((item["sha256"], item.get("volume_sha256")))
        or (same_source and item["patient_id"] in patients)
    ]
    if seen:
        raise InputError(
            f"{len(seen)} image(s) of the {split} split, or their patients, were trained on or (validation) chose the "
            f"weights and set the threshold: {', '.join(seen[:5])}"
            f"{' ...' if len(seen) > 5 else ''}. Use images of other patients"
        )
    known = {item["patient_id"] for item in used if patient_known(item)}
    shared = known & {item["patient_id"] for item in own if patient_known(item)}
    if shared:
        logger.warning(
            "%d patient id(s) of the %s split of %s also occur among those trained on, of %s (%s): if these are the "
            "same people, the figures are too good",
            len(shared),
            split,
            datalist.source,
            record["source"],
            ", ".join(sorted(shared)[:5]) + (" ..." if len(shared) > 5 else ""),
        )


def _origins(source: str) -> set[str]:
    """A source without the options of its address, and those that it was made from where it is a data list."""
    names: set[str] = set()
    while source:
        source = source.removeprefix(STREAM_SCHEME).partition("?")[0] if source.startswith(STREAM_SCHEME) else source
        if source in names:
            break
        names.add(source)
        source = _listed_source(Path(source))
    return names


def _listed_source(path: Path) -> str:
    if path.suffix.lower() != ".json":
        return ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the list that was trained on may be gone
        return ""
    return str(content.get("source", "")) if isinstance(content, dict) else ""
