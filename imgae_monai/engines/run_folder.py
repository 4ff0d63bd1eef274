"""Guard the folder that a run writes to, and find where to go on."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch
from monai.config import PathLike

from imgae_monai.engines.processes import is_first_process
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# what EvaluationWriter puts into its folder
EVALUATION_PARTS = (
    "metrics.json",
    "scores.csv",
    "no_model_scores.csv",
    "component_scores.csv",
    "roc.png",
    "precision_recall.png",
    "score_histogram.png",
    "examples.png",
)
# what imgae-monai train puts into a run's folder
RUN_PARTS = ("models", "configs", "docs", "LICENSE", "train.json", "losses.png", "tensorboard", "wandb", "train.log")


def check_run(ckpt_dir: PathLike, output_dir: PathLike, resume: bool = False, overwrite: bool = False) -> None:
    """Make sure that a training run may write to its folders, before anything is read. Changes nothing there.

    Args:
        ckpt_dir: folder of the checkpoints.
        output_dir: folder of the records.
        resume: whether the run goes on from the last checkpoint there.
        overwrite: whether it may replace the run that is there.

    Raises:
        InputError: when a run is there and neither ``resume`` nor ``overwrite`` is set, both are set, there is nothing
            to resume, or a folder can't be written to.
    """
    if resume and overwrite:
        raise InputError("resume and overwrite exclude each other: choose one")
    held = holds_run(ckpt_dir, output_dir)
    if held and not (resume or overwrite):
        raise InputError(f"{output_dir} already holds a run ({held}): set resume to go on, overwrite to start anew")
    if resume:
        check_resumable(ckpt_dir)
    for folder in (ckpt_dir, output_dir):
        check_writable(Path(folder))


def check_no_results(output_dir: PathLike, overwrite: bool) -> None:
    """Make sure that an evaluation would not replace another one unasked.

    Raises:
        InputError: when ``metrics.json`` is there and ``overwrite`` is not set.
    """
    path = Path(output_dir) / "metrics.json"
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another output, or set overwrite to replace it")


def check_schedule(
    epochs: int,
    val_interval: int,
    accumulation_steps: int = 1,
    patience: int = 1,
    min_delta: float = 0.0,
    picture_interval: int = 0,
) -> None:
    """Make sure that training will be validated, or it would leave no weights, and will take steps.

    Raises:
        InputError: when there is no validation within ``epochs``, or another number is below its least.
    """
    if not 1 <= val_interval <= epochs:
        raise InputError(f"val_interval must be between 1 and epochs ({epochs}), got {val_interval}")
    if accumulation_steps < 1:
        raise InputError(f"accumulation_steps must be at least 1, got {accumulation_steps}")
    if patience < 1:
        raise InputError(f"patience must be at least 1 validation, got {patience}; a large one never stops early")
    if not min_delta >= 0:
        raise InputError(f"min_delta must be 0 or more, got {min_delta}")
    if picture_interval < 0:
        raise InputError(f"picture_interval must be 1 or more epochs, or 0 for no pictures, got {picture_interval}")


def clear_run(ckpt_dir: PathLike, output_dir: PathLike, resume: bool = False, overwrite: bool = False) -> None:
    """Make room for a run that is about to start: call it once data and settings have proved good.

    Of several processes the first one does it.

    Args:
        ckpt_dir: folder of the checkpoints.
        output_dir: folder of the records.
        resume: move an evaluation of the weights so far to ``before_resume_N``: it will not be of those to come.
        overwrite: delete the checkpoints, records and evaluation that are there.
    """
    if not is_first_process():
        return
    ckpt_dir, output_dir = Path(ckpt_dir), Path(output_dir)
    if resume:
        _set_aside(output_dir)
    if overwrite:
        records = ("train.json", "losses.png", *EVALUATION_PARTS)
        for path in (
            *ckpt_dir.glob("*.pt"),
            *ckpt_dir.glob(".*.part"),
            ckpt_dir / "datalist.json",
            *(output_dir / name for name in records),
        ):
            path.unlink(missing_ok=True)
        for name in ("tensorboard", "wandb"):
            shutil.rmtree(output_dir / name, ignore_errors=True)


def _set_aside(output_dir: Path) -> None:
    found = [output_dir / name for name in EVALUATION_PARTS if (output_dir / name).exists()]
    if found:
        number = 1 + sum(1 for _ in output_dir.glob("before_resume_*"))
        target = output_dir / f"before_resume_{number}"
        target.mkdir()
        for path in found:
            path.rename(target / path.name)


def holds_run(ckpt_dir: PathLike, output_dir: PathLike) -> str | None:
    """Name of a file that shows that a run is there, or None."""
    found = [*sorted(Path(ckpt_dir).glob("*.pt")), *Path(output_dir).glob("train.json")]
    return str(found[0]) if found else None


def check_writable(folder: Path) -> None:
    """Create a folder and try to write to it.

    Raises:
        InputError: when either fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        raise InputError(f"cannot write to {folder}: {e.strerror}; give another output folder") from e


def resume_points(ckpt_dir: PathLike) -> list[Path]:
    """Files ``checkpoint_epoch=N.pt`` of a folder, the last epoch's first; they may be spoilt."""
    epochs = {
        int(match.group(1)): path
        for path in Path(ckpt_dir).glob("checkpoint_epoch=*.pt")
        if (match := re.fullmatch(r"checkpoint_epoch=(\d+)\.pt", path.name))
    }
    return [epochs[epoch] for epoch in sorted(epochs, reverse=True)]


def check_resumable(ckpt_dir: PathLike) -> list[Path]:
    """As :py:func:`resume_points`, and there must be some.

    Raises:
        InputError: when there is none.
    """
    points = resume_points(ckpt_dir)
    if not points:
        raise InputError(
            f"nothing to resume: no checkpoint_epoch=N.pt in {ckpt_dir}; --resume auto, or --overwrite, starts anew"
        )
    return points


def latest_checkpoint(ckpt_dir: PathLike) -> str:
    """Path of the last epoch's checkpoint in a folder that is whole; those that are not are named in a warning.

    The checksums inside the files are looked at, so that every byte of the last one is read.

    Raises:
        InputError: when there is none.
    """
    points = check_resumable(ckpt_dir)
    for point in points:
        fault = _fault(point)
        if fault is None:
            return str(point)
        logger.warning("%s can't be used (%s): looking for the one before", point, fault)
    raise InputError(f"nothing to resume: no checkpoint in {ckpt_dir} can be read; --overwrite starts anew")


def _fault(path: Path) -> str | None:
    """What is wrong with a file that torch wrote, or None."""
    try:
        with zipfile.ZipFile(path) as archive:
            spoilt = archive.testzip()
        if spoilt is not None:
            return f"the checksum of {spoilt} is wrong"
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as e:  # bytes that are no checkpoint can raise nearly anything
        return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else 'unreadable'}"
    return None
