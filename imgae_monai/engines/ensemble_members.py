"""The checkpoints of one run that make an ensemble."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from monai.config import PathLike

from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.exceptions import InputError


def member_path(ckpt_dir: PathLike, epoch: int) -> Path:
    """File of the weights of one epoch."""
    return Path(ckpt_dir) / f"member_epoch={epoch}.pt"


def member_epochs(ckpt_dir: PathLike) -> dict[int, Path]:
    """The members that a folder holds, by epoch, ascending."""
    found = {
        int(match[1]): path
        for path in Path(ckpt_dir).glob("member_epoch=*.pt")
        if (match := re.fullmatch(r"member_epoch=(\d+)\.pt", path.name))
    }
    return dict(sorted(found.items()))


def ensemble_members(ckpt_dir: PathLike, n_members: int) -> list[Path]:
    """Files of the members of an ensemble, by epoch.

    Args:
        ckpt_dir: folder of the checkpoints.
        n_members: how many there should be.

    Raises:
        InputError: when the folder holds more or fewer.
    """
    found = list(member_epochs(ckpt_dir).values())
    if len(found) != n_members:
        raise InputError(
            f"expected {n_members} members of an ensemble in {ckpt_dir}, got {len(found)}: set ensemble as it was in "
            "training (1 uses model.pt alone), or train anew with another"
        )
    return found


def members_sha256(ckpt_dir: PathLike, n_members: int) -> str | None:
    """One SHA-256 over the hashes of all members, None for a network alone.

    Raises:
        InputError: as for :py:func:`ensemble_members`.
    """
    if n_members == 1:
        return None
    hashes = [file_sha256(path) for path in ensemble_members(ckpt_dir, n_members)]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def check_ensemble(ensemble: int, epochs: int, val_interval: int, patience: int) -> None:
    """Make sure that training makes checkpoints enough, however early it stops.

    Args:
        ensemble: number of checkpoints to keep, 1 for none but the best.
        epochs: of training.
        val_interval: epochs from one validation to the next.
        patience: validations without an improvement after which training stops.

    Raises:
        InputError: when there may be too few validations.
    """
    if ensemble < 1:
        raise InputError(f"ensemble must be at least 1, got {ensemble}; 1 uses the best checkpoint alone")
    fewest = min(epochs // val_interval, patience + 1)
    if ensemble > fewest:
        raise InputError(
            f"an ensemble of {ensemble} takes as many validations, and training may end after {fewest}: raise epochs "
            "or patience, or lower val_interval or ensemble"
        )
