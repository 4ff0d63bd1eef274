"""Processes that work on one run together: join them, ask which one this is, and leave them."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist

from imgae_monai.data.datalist import Datalist
from imgae_monai.engines.choose_device import choose_device
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# how long one may wait for the others, as for the slowest disk at the first step; a death is noticed at once
_PATIENCE = datetime.timedelta(minutes=30)


def join_processes() -> None:
    """Join the processes that ``torchrun`` started, by NCCL where there is CUDA and by gloo elsewhere.

    Only the first one goes on to log what is not a warning. Joined processes stay joined.

    Raises:
        InputError: when this process was not started by ``torchrun``.
    """
    if dist.is_initialized():
        return
    missing = [name for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR") if name not in os.environ]
    if missing:
        raise InputError(
            f"multi_gpu_train.json and multi_gpu_evaluate.json are for processes of torchrun, and {', '.join(missing)} "
            "is not set: start them by torchrun --nproc_per_node N -m monai.bundle run ..., or leave them out"
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(_local_rank())
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    idist.get_rank()  # ignite looks for the group once, and all processes must do so together
    if not is_first_process():
        logging.getLogger().setLevel(logging.WARNING)
    logger.info("%d processes, by %s", dist.get_world_size(), dist.get_backend())


def leave_processes() -> None:
    """Part from the others, when all of them have got here; without others it does nothing."""
    if dist.is_initialized():
        dist.barrier()
        idist.finalize()


def is_first_process() -> bool:
    """Whether this is the process that writes, also when it has left the others."""
    return os.environ.get("RANK", "0") == "0"


def process_seed(seed: int) -> int:
    """A seed of this process's own; that of the first one is the seed itself."""
    return seed + 1_000_003 * int(os.environ.get("RANK", "0"))


def process_device(name: str = "auto") -> torch.device:
    """As :py:func:`imgae_monai.engines.choose_device`, where ``"auto"`` is a GPU for each process of a machine.

    Raises:
        InputError: as there, and when a machine has more processes than GPUs.
    """
    if name != "auto" or not torch.cuda.is_available():
        return choose_device("cpu" if name == "auto" else name)
    if _local_rank() >= torch.cuda.device_count():
        raise InputError(
            f"{local_processes()} processes on a machine with {torch.cuda.device_count()} GPU(s): give torchrun "
            "--nproc_per_node the number of GPUs"
        )
    return choose_device(f"cuda:{_local_rank()}")


def local_processes() -> int:
    """Number of processes of this run on this machine, which share its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def smallest_everywhere(value: int) -> int:
    """The smallest that any of the processes has."""
    return int(idist.all_reduce(value, op="MIN")) if idist.get_world_size() > 1 else value


def largest_everywhere(value: int) -> int:
    """The largest that any of the processes has."""
    return int(idist.all_reduce(value, op="MAX")) if idist.get_world_size() > 1 else value


def check_same_data(datalist: Datalist) -> None:
    """Make sure that all processes read the same data list in the same order, or their shares would overlap.

    Args:
        datalist: as this process read it; paths may differ.

    Raises:
        InputError: when another one's images, labels, splits or order differ.
    """
    lines = (f"{item['sha256']} {item['split']} {item['label']}" for item in datalist.items)
    own = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    found: Any = idist.all_gather(own) if idist.get_world_size() > 1 else [own]
    others = [str(rank) for rank, other in enumerate(found) if other != found[0]]
    if others:
        raise InputError(
            f"{datalist.source} is not the same data in process {', '.join(others)} as in process 0: give every "
            "machine the same images"
        )


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))
