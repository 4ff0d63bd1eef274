"""Whether a run was trained on drawn phantoms."""

from __future__ import annotations

import json
from pathlib import Path

from monai.config import PathLike

from imgae_monai.exceptions import InputError

# of a run that was packed: what may be told of its training
TRAINING_TOLD = "docs/training.json"


def trained_on_synthetic(run: PathLike) -> bool | None:
    """Whether a run was trained on drawn phantoms, by ``train.json`` or, where it was packed, ``docs/training.json``.

    Args:
        run: folder of the run.

    Returns:
        None where neither is there or says so: it is not known.

    Raises:
        InputError: when one of them is damaged.

    Example:
        >>> import tempfile
        >>> run = Path(tempfile.mkdtemp())
        >>> trained_on_synthetic(run) is None
        True
        >>> _ = (run / "train.json").write_text('{"synthetic": true}')
        >>> trained_on_synthetic(run)
        True
    """
    for record in (Path(run) / "train.json", Path(run) / TRAINING_TOLD):
        if not record.is_file():
            continue
        try:
            known = json.loads(record.read_text(encoding="utf-8")).get("synthetic")
        except (ValueError, AttributeError) as e:
            raise InputError(f"{record} is not a readable record of a training: restore it, or remove it") from e
        if known is not None:
            return bool(known)
    return None
