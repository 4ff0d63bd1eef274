"""What a trained network costs to use: size, time and memory, measured on this machine."""

from __future__ import annotations

import functools
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from monai.bundle import ConfigParser

from imgae_monai.engines.choose_device import choose_device
from imgae_monai.engines.ensemble_members import ensemble_members
from imgae_monai.engines.environment import environment
from imgae_monai.exceptions import InputError

_MB = 1e6  # bytes
_WARM_UP = 3
_LEAST, _MOST = 5, 200  # repeats
_CHILD = "import sys; from imgae_monai.engines.model_cost import _main; _main(sys.argv[1:])"


def measure_cost(run: Path, device: str = "auto", seconds: float = 2.0) -> dict[str, Any]:
    """Measure a run's network in a process of its own, so that its peak memory is its own.

    The network alone is timed, with its trained weights, in full precision as scores are computed; images are random
    and already there. Reading images and making the map and the score are the same for all networks and left out. Of
    an ensemble all members are run, and their parameters and files counted together.

    Args:
        run: folder that ``imgae-monai train`` left; its configs execute code.
        device: see :py:func:`imgae_monai.engines.choose_device`.
        seconds: how long each of the two sizes of batch is repeated, after a warm-up.

    Returns:
        ``parameters``; ``checkpoint_mb`` (of ``model.pt``, in 10^6 bytes); ``latency_ms`` (median, one image at a
        time), ``batch_size`` (the run's), ``batch_latency_ms`` (median of a batch over its images) and
        ``images_per_second``; ``peak_memory_mb`` of the process, of which ``added_memory_mb`` since before the network
        was built (on a GPU: peak of what its tensors took there, and None); ``image_size``, ``device``,
        ``device_name``, ``n_threads``, ``n_repeats``.

    Raises:
        InputError: when there are no weights, or it can't be measured, as for lack of memory: the child's last line.
    """
    if not (run / "models" / "model.pt").is_file():
        raise InputError(f"{run} has no models/model.pt: train it first, or --cost false goes without")
    try:
        return run_child([_CHILD, str(run), device, str(seconds)])
    except InputError as e:
        raise InputError(f"the cost of {run} can't be measured: {e}; --cost false goes without") from e


def run_child(words: Sequence[str], given: str = "") -> dict[str, Any]:
    """What a program in a Python process of its own prints as JSON in its last line.

    Args:
        words: the program's text and its arguments.
        given: standard input.

    Raises:
        InputError: the last line of what it said, or how it ended, when it fails.
    """
    child = subprocess.run([sys.executable, "-c", *words], input=given, capture_output=True, text=True, check=False)
    if child.returncode == -signal.SIGKILL:
        raise InputError("the system killed its process, most likely for lack of memory")
    if child.returncode != 0:
        said = child.stderr.strip().splitlines()
        raise InputError(said[-1] if said else f"its process ended with {child.returncode}")
    found: dict[str, Any] = json.loads(child.stdout.strip().splitlines()[-1])
    return found


def _main(words: list[str]) -> None:
    """Program of the child process: prints the measurement as its last line."""
    run, device, seconds = Path(words[0]), words[1], float(words[2])
    print(json.dumps(_measure(run, choose_device(device), seconds)))


def _measure(run: Path, device: torch.device, seconds: float) -> dict[str, Any]:
    from imgae_monai.inferers import EnsembleInferer  # which imports this package

    parser = ConfigParser(json.loads((run / "configs" / "inference.json").read_text(encoding="utf-8")))
    before = psutil.Process().memory_info().rss
    checkpoint = run / "models" / "model.pt"
    network = parser.get_parsed_content("network_def").to(device).eval()
    network.load_state_dict(torch.load(checkpoint, map_location=device, weights_only=True))
    ensemble = int(parser.get().get("ensemble", 1))  # absent where an earlier version trained
    files = [checkpoint] if ensemble == 1 else ensemble_members(run / "models", ensemble)
    inferer = EnsembleInferer(run / "models", ensemble)
    run_network = functools.partial(inferer, network=network)
    size, batch_size = int(parser["image_size"]), int(parser.get_parsed_content("eval_batch_size"))
    shape = [1, *[size] * int(parser["spatial_dims"])]
    with torch.inference_mode():
        alone, n_alone = median_seconds(run_network, torch.rand(1, *shape, device=device), seconds)
        batch, n_batch = median_seconds(run_network, torch.rand(batch_size, *shape, device=device), seconds)
    on_gpu = device.type == "cuda"
    peak = torch.cuda.max_memory_allocated(device) if on_gpu else peak_rss()
    return {
        "parameters": ensemble * sum(p.numel() for p in network.parameters()),
        "checkpoint_mb": sum(path.stat().st_size for path in files) / _MB,
        "latency_ms": alone * 1e3,
        "batch_size": batch_size,
        "batch_latency_ms": batch / batch_size * 1e3,
        "images_per_second": batch_size / batch,
        "peak_memory_mb": peak / _MB,
        "added_memory_mb": None if on_gpu else max(peak - before, 0) / _MB,
        "image_size": size,
        "device": str(device),
        **{key: environment(device)[key] for key in ("device_name", "n_threads")},
        "n_repeats": [n_alone, n_batch],
    }


def median_seconds(
    network: Callable[[Any], Any], images: torch.Tensor, seconds: float, warm_up: int = _WARM_UP, least: int = _LEAST
) -> tuple[float, int]:
    """Median time of a call, and of how many: as many as fit into ``seconds``, but ``least``."""
    for _ in range(warm_up):
        network(images)
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < until and len(times) < _MOST):
        _synchronize(images.device)
        start = time.perf_counter()
        network(images)
        _synchronize(images.device)
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2], len(times)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_rss() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux's getrusage also counts the process that started this one, up to the exec
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))
        if found:
            return int(found[1]) * 1024
    memory = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return int(memory.peak_wset)
    import resource  # not on Windows

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)
