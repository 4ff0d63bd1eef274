"""Guard the folder that a run writes to, and find where to go on."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from monai.config import PathLike

from imgae_monai.exceptions import InputError

# what EvaluationWriter puts into its folder
EVALUATION_PARTS = (
    "metrics.json",
    "scores.csv",
    "roc.png",
    "precision_recall.png",
    "score_histogram.png",
    "examples.png",
)
# what imgae-monai train puts into a run's folder
RUN_PARTS = ("models", "configs", "docs", "LICENSE", "train.json", "losses.png", "tensorboard", "train.log")


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
        latest_checkpoint(ckpt_dir)
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


def check_schedule(epochs: int, val_interval: int) -> None:
    """Make sure that training will be validated, or it would leave no weights.

    Raises:
        InputError: when there is no validation within ``epochs``.
    """
    if not 1 <= val_interval <= epochs:
        raise InputError(f"val_interval must be between 1 and epochs ({epochs}), got {val_interval}")


def clear_run(ckpt_dir: PathLike, output_dir: PathLike, resume: bool = False, overwrite: bool = False) -> None:
    """Make room for a run that is about to start: call it once data and settings have proved good.

    Args:
        ckpt_dir: folder of the checkpoints.
        output_dir: folder of the records.
        resume: move an evaluation of the weights so far to ``before_resume_N``: it will not be of those to come.
        overwrite: delete the checkpoints, records and evaluation that are there.
    """
    ckpt_dir, output_dir = Path(ckpt_dir), Path(output_dir)
    if resume:
        _set_aside(output_dir)
    if overwrite:
        records = ("train.json", "losses.png", *EVALUATION_PARTS)
        for path in (*ckpt_dir.glob("*.pt"), ckpt_dir / "datalist.json", *(output_dir / name for name in records)):
            path.unlink(missing_ok=True)
        shutil.rmtree(output_dir / "tensorboard", ignore_errors=True)


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


def latest_checkpoint(ckpt_dir: PathLike) -> str:
    """Path of the last epoch's checkpoint in a folder.

    Raises:
        InputError: when there is none.
    """
    epochs = {
        int(match.group(1)): path
        for path in Path(ckpt_dir).glob("checkpoint_epoch=*.pt")
        if (match := re.fullmatch(r"checkpoint_epoch=(\d+)\.pt", path.name))
    }
    if not epochs:
        raise InputError(f"nothing to resume: no checkpoint_epoch=N.pt in {ckpt_dir}")
    return str(epochs[max(epochs)])
