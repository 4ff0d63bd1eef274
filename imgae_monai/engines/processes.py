"""Processes that work on one run together: join them, ask which one this is, and leave them."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from imgae_monai.data.datalist import Datalist
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# how long one may wait for the others, as for the slowest disk at the first step; a death is noticed at once
_PATIENCE = datetime.timedelta(minutes=30)
_GONE = re.compile(r"gloo/|Connection (?:closed|reset) by peer|NCCL")  # what the others are told by


def join_processes(device: torch.device | str) -> None:
    """Join the processes that ``torchrun`` started, by NCCL on CUDA and by gloo elsewhere.

    Of a machine's GPUs each process takes the one of its local rank. Only the first process goes on to log what is not
    a warning. Joined processes stay joined.

    Args:
        device: where they compute; ``cuda`` without a number.

    Raises:
        InputError: when this process was not started by ``torchrun``, or there is no GPU for it alone.
    """
    if dist.is_initialized():
        return
    missing = [name for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR") if name not in os.environ]
    if missing:
        raise InputError(
            f"multi_gpu_train.json and multi_gpu_evaluate.json are for processes of torchrun, and {', '.join(missing)} "
            "is not set: start them by torchrun --nproc_per_node N -m monai.bundle run ..., or leave them out"
        )
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        _take_gpu(torch.device(device))
    store, rank, world_size = next(rendezvous("env://", timeout=_PATIENCE))
    if os.environ.get("GROUP_WORLD_SIZE", "1") == "1":
        # torchrun (torch 2.13) keeps its store over a restart, and a process that is early would read where the
        # others were before, and wait for them there. Several machines don't count restarts alike
        store = dist.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=_PATIENCE)
    idist.get_rank()  # ignite looks for the group once, and all processes must do so together
    if not is_first_process():
        logging.getLogger().setLevel(logging.WARNING)
    logger.info("%d processes, by %s", dist.get_world_size(), dist.get_backend())


def _take_gpu(device: torch.device) -> None:
    local_rank, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device.index is not None and local_processes() > 1:
        raise InputError(f"device {device} is one GPU for {local_processes()} processes: use cuda, or auto")
    if local_rank >= n_gpus:
        raise InputError(
            f"{local_processes()} processes on a machine with {n_gpus} GPU(s): give torchrun --nproc_per_node the "
            "number of GPUs"
        )
    torch.cuda.set_device(local_rank if device.index is None else device.index)


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
        datalist: as this process read it.

    Raises:
        InputError: when another one's images, paths, patients, labels, splits or order differ.
    """
    keys = ("image", "sha256", "patient_id", "split", "label")
    lines = (json.dumps([item.get(key) for key in keys]) for item in datalist.items)
    own = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    found: Any = idist.all_gather(own) if idist.get_world_size() > 1 else [own]
    others = [str(rank) for rank, other in enumerate(found) if other != found[0]]
    if others:
        raise InputError(
            f"{datalist.source} is not the same data in process {', '.join(others)} as in process 0: give every "
            "machine the same images under the same paths"
        )


@contextlib.contextmanager
def noticing_deaths() -> Iterator[None]:
    """Meanwhile tell of another process's death in one line; torch tells of a socket.

    Raises:
        InputError: when a process that works with this one is gone.
    """
    try:
        yield
    except RuntimeError as e:
        if dist.is_initialized() and _GONE.search(str(e)):
            message = (
                "another process of this run has died, or its machine can't be reached; torchrun's summary names it. "
                "Start them again and resume, or let torchrun do so by --max_restarts"
            )
            logger.error(message)  # now: torchrun's SIGTERM may end this process before an exception is printed
            raise InputError(message) from e
        raise
