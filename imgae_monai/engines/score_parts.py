"""Score a long list by parts, so that it can be stopped, gone on with and shared among processes."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine
from monai.config import PathLike

import imgae_monai
from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.data.image_list import KNOWN
from imgae_monai.data.part_plan import PartPlan
from imgae_monai.data.row_table import read_rows
from imgae_monai.engines.calibrator import calibration_path
from imgae_monai.engines.run_folder import check_writable
from imgae_monai.engines.run_lock import lock_run
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.calibration import Calibration

logger = logging.getLogger(__name__)

RECORD_NAME = "scoring.json"
SUMMARY_NAME = "summary.json"
LIST_NAME = "images.csv"
# ids that may be others when a scoring is gone on with: where things are, and what changes no row that is there
_FREE = {
    "imports",
    "run",
    "bundle_root",
    "ckpt_dir",
    "output_dir",
    "dataset_dir",
    "device",
    "num_workers",
    "unreadable",
}


def score_parts(
    plan: PartPlan,
    evaluator: Engine,
    calibration: Calibration,
    ckpt_dir: PathLike,
    config: Mapping[str, Any],
) -> None:
    """Score the parts of this process that are missing, and sum up when all of all processes are there.

    ``images.csv`` is the list as it was found first, which may be given instead of a folder that grows.
    ``scoring.json`` ties the parts to weights, calibration, score, preprocessing and list; who goes on with others is
    refused. ``summary.json`` is written by the process that finds all parts there, each row in its place.

    Args:
        plan: which parts.
        evaluator: over ``plan.items``, with a :py:class:`imgae_monai.handlers.PartWriter`.
        calibration: of the score.
        ckpt_dir: folder of the weights and the calibration.
        config: the config as run, see :py:func:`imgae_monai.engines.config_as_run`.

    Raises:
        InputError: when the folder is in use or holds another scoring, an image can't be read, or a part is not as it
            was written.
    """
    ranks = plan.output_dir / ".ranks"
    check_writable(plan.path(0).parent)
    own = ranks / f"{plan.rank}-of-{plan.world_size}"
    with lock_run(own):
        _refuse_other_shares(ranks, plan.world_size)
        if not (plan.output_dir / LIST_NAME).exists():
            _write(plan.output_dir / LIST_NAME, _list(plan.images), replace=False)
        _check_record(plan, _record(plan, calibration, ckpt_dir, config))
        if plan.pending:
            evaluator.run()
        missing = plan.missing()
        if missing:
            logger.info("rank %d has no more to do; %d part(s) of other ranks are missing", plan.rank, len(missing))
        else:
            _write(plan.output_dir / SUMMARY_NAME, _json(_summary(plan, float(calibration.threshold))))
    with contextlib.suppress(OSError):  # another rank is still there
        own.rmdir()
        ranks.rmdir()


def _refuse_other_shares(ranks: Path, world_size: int) -> None:
    """A process of another number of processes has other parts, and would write some of ours at the same time."""
    for folder in list(ranks.iterdir()):
        if not folder.name.endswith(f"-of-{world_size}"):
            with lock_run(folder):  # or it says who is at work there
                pass
            with contextlib.suppress(OSError):  # another process looks at the same moment
                folder.rmdir()  # of one that was killed


def _record(plan: PartPlan, calibration: Calibration, ckpt_dir: PathLike, config: Mapping[str, Any]) -> dict[str, Any]:
    rows = "\n".join(json.dumps(image, sort_keys=True) for image in plan.images)
    return {
        "imgae_monai": imgae_monai.__version__,
        "checkpoint_sha256": calibration.checkpoint_sha256,
        "members_sha256": calibration.members_sha256,
        "calibration_sha256": file_sha256(calibration_path(ckpt_dir, calibration.score)),
        "score": calibration.score.name,
        "threshold": float(calibration.threshold),
        "specificity": float(calibration.specificity),
        "n_images": len(plan.images),
        "n_parts": plan.n_parts,
        "list_sha256": hashlib.sha256(rows.encode()).hexdigest(),
        "config": {key: value for key, value in config.items() if key not in _FREE},
    }


def _check_record(plan: PartPlan, record: dict[str, Any]) -> None:
    """Write the record, or compare it with the one that is there."""
    path = plan.output_dir / RECORD_NAME
    holds_parts = any(
        plan.path(0).parent.glob("part-*")
    )  # looked for first: another rank writes its record before them
    if not path.exists():
        if holds_parts:
            raise InputError(f"{path} is missing, so that nobody knows what the parts are of: give another --output")
        _write(path, _json(record), replace=False)
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise InputError(f"{path} is not readable ({e}): give another --output") from e
    record = json.loads(json.dumps(record))
    for key in record:
        if before.get(key) == record[key]:
            continue
        was, now = before.get(key), record[key]
        if key == "config" and isinstance(was, dict):
            key = next(id for id in (*now, *was) if was.get(id) != now.get(id))
            was, now = was.get(key), now.get(key)
        if key in ("n_images", "n_parts", "list_sha256"):
            mend = f"the list that it was begun with is {path.parent / LIST_NAME}: give that instead of the images"
        else:
            mend = "go on as it was begun"
        raise InputError(
            f"{path.parent} holds parts of another scoring: {key} was {_short(was)}, is {_short(now)}; {mend}, or give "
            "another --output"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write(path: Path, content: bytes, replace: bool = True) -> None:
    """Write a file in one step, from several processes at once; without ``replace`` the first one's stays."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
        new = Path(folder) / path.name
        with atomic_write(new) as file:
            file.write(content)
        try:
            if not replace:
                os.link(new, path)
                return
        except FileExistsError:
            return
        except OSError:  # no links on this file system
            logger.debug("no hard links under %s", path.parent)
        os.replace(new, path)


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"


def _list(images: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ("image", *KNOWN))
    writer.writeheader()
    writer.writerows(images)
    return text.getvalue().encode()


def _summary(plan: PartPlan, threshold: float) -> dict[str, Any]:
    """Read every part again, one at a time, and count.

    Raises:
        InputError: when a row is not of the image that the list has there.
    """
    counts = {"n_images": 0, "n_abnormal": 0, "n_normal": 0, "n_unreadable": 0, "n_synthetic": 0}
    for part in range(plan.n_parts):
        rows = read_rows(plan.path(part))
        expected = [plan.images[index]["image"] for index in plan.images_of(part)]
        if [row["image"] for row in rows] != expected:
            raise InputError(
                f"{plan.path(part)} has not the rows of its images: delete it, and start the command again"
            )
        counts["n_images"] += len(rows)
        counts["n_abnormal"] += sum(row["decision"] == 1 for row in rows)
        counts["n_normal"] += sum(row["decision"] == 0 for row in rows)
        counts["n_unreadable"] += sum(row["decision"] is None for row in rows)
        counts["n_synthetic"] += sum(row["synthetic"] for row in rows)
    return {**counts, "n_parts": plan.n_parts, "threshold": threshold}
