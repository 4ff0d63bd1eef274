"""How much memory this process may use, how much is left, and how much it holds: container limits included.

``psutil.virtual_memory`` tells of the host. In a container a process is killed at its control group's limit, whatever
the host still has, so both are read and the smaller counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from imgae_monai.exceptions import InputError

GIGABYTE = 10**9
_CACHE_SHARE = 0.9  # of a budget; the rest is for the data list, half-filled blocks and what loader workers copy
_AUTO_SHARE = 0.4  # of what is available, for the caches and once more for a training step; the rest is for others


def available_memory(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process can still take: the least over the host and every control group that it is in.

    Args:
        proc: where the process file system is mounted.
        cgroups: where the control groups (version 1 or 2) are mounted.
    """
    return min([psutil.virtual_memory().available, *(max(0, m - used) for m, used in _group_use(proc, cgroups))])


def memory_limit(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process could have at the most: the least over the host and every control group that it is in."""
    return min([psutil.virtual_memory().total, *(limit for limit, _ in _group_use(proc, cgroups))])


def _group_use(proc: Path, cgroups: Path) -> Iterator[tuple[int, int]]:
    """Limit and use of each control group that has a limit; pages of files that can be dropped don't count as used."""
    for folder in _group_folders(proc, cgroups):
        for limit_file, use_file, prefix in (
            ("memory.max", "memory.current", ""),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        ):
            limit, used = _read_number(folder / limit_file), _read_number(folder / use_file)
            if limit is not None and used is not None:
                yield limit, max(0, used - _file_pages(folder / "memory.stat", prefix))


def _group_folders(proc: Path, cgroups: Path) -> list[Path]:
    """This process's own groups and those above them; inside a container the own group may be mounted as the root."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders: dict[Path, None] = {}
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            base = cgroups
        elif "memory" in controllers.split(","):
            base = cgroups / "memory"
        else:
            continue
        own = base / group.lstrip("/")
        folders.update(dict.fromkeys([own, *(p for p in own.parents if p == base or base in p.parents)]))
    return list(folders)


def _read_number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max" is no limit


def _file_pages(path: Path, prefix: str) -> int:
    """Bytes of files that the system holds for later reads; it gives them up before it kills a process."""
    try:
        pairs = dict(line.split() for line in path.read_text(encoding="utf-8").splitlines())
    except OSError:
        return 0
    return sum(int(pairs.get(f"{prefix}{kind}_file", 0)) for kind in ("inactive", "active"))


def process_memory() -> int:
    """Bytes that this process and its children (loader workers) hold together.

    Pages that forked workers share with their parent count once, and pages of files (libraries, memory-mapped tables),
    which the system can drop, not at all, where it tells them apart (Linux's ``smaps_rollup``). Elsewhere resident set
    sizes are added up.
    """
    own = psutil.Process(os.getpid())
    return sum(_held(process) for process in [own, *own.children(recursive=True)])


def _held(process: psutil.Process) -> int:
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        return 1024 * (kilobytes["Pss_Anon"] + kilobytes["Pss_Shmem"])
    except (OSError, KeyError):  # another system, or an older one
        return _resident(process)


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def resolve_budget(memory_budget: float | str) -> int:
    """A budget in bytes.

    Args:
        memory_budget: gigabytes (10^9 bytes), or ``"auto"``: two fifths of what is available now, see
            :py:func:`available_memory`.

    Raises:
        InputError: when it is neither ``"auto"`` nor a number of at least 0.

    Example:
        >>> resolve_budget(0.5)
        500000000
    """
    if memory_budget == "auto":
        return int(_AUTO_SHARE * available_memory())
    try:
        gigabytes = float(memory_budget)
    except (TypeError, ValueError):
        gigabytes = math.nan
    if not 0 <= gigabytes < math.inf:
        raise InputError(f"memory_budget must be gigabytes, 0 or more, or 'auto', got {memory_budget!r}")
    return int(gigabytes * GIGABYTE)


class MemoryBudget:
    """What the caches of one run may take together: nine tenths of a budget, since loading has a cost of its own.

    Args:
        memory_budget: gigabytes or ``"auto"``, see :py:func:`resolve_budget`.
        n_processes: number of processes on this machine that share the budget equally.

    Raises:
        InputError: as there.

    Example:
        >>> budget = MemoryBudget(1.0)
        >>> budget.take(600_000_000), budget.take(600_000_000), budget.left
        (600000000, 300000000, 0)
    """

    def __init__(self, memory_budget: float | str = "auto", n_processes: int = 1) -> None:
        self.total = resolve_budget(memory_budget) // n_processes
        self.left = int(_CACHE_SHARE * self.total)

    def take(self, wanted: int) -> int:
        """Take up to ``wanted`` bytes of what is left.

        Returns:
            the bytes granted.
        """
        granted = min(wanted, self.left)
        self.left -= granted
        return granted
