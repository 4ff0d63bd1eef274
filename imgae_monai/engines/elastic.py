"""Go on by itself where ``torchrun`` starts the processes anew."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil
from monai.config import PathLike

from imgae_monai.engines.processes import is_first_process, largest_everywhere

_NAME = ".launch"


def mark_launch(ckpt_dir: PathLike) -> None:
    """Note which launch of ``torchrun`` a folder's run is of; the first process does it.

    Args:
        ckpt_dir: folder of the checkpoints, which is there.
    """
    if is_first_process():
        (Path(ckpt_dir) / _NAME).write_text(_launch(), encoding="utf-8")


def restarted(ckpt_dir: PathLike) -> bool:
    """Whether ``torchrun`` has started the processes anew (``--max_restarts``) on the run that they had begun.

    That run may be gone on with unasked. One that was there before, and for whose sake the first start was refused, may
    not. The first process decides for all.

    Args:
        ckpt_dir: folder of the checkpoints.
    """
    own = is_first_process() and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    path = Path(ckpt_dir) / _NAME
    return largest_everywhere(int(own and path.is_file() and path.read_text(encoding="utf-8") == _launch())) == 1


def _launch() -> str:
    """The parent process, which is ``torchrun`` and stays, by its machine, number and start."""
    parent = psutil.Process(os.getppid())
    return f"{socket.gethostname()} {parent.pid} {parent.create_time()}"
