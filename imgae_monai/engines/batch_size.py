"""Find the largest batch that fits, by taking training steps."""

from __future__ import annotations

import copy
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from monai.config import PathLike
from torch import nn

from imgae_monai.data.memory import available_memory, resolve_budget
from imgae_monai.engines.processes import local_processes, smallest_everywhere
from imgae_monai.engines.training_step import SupervisedStep, TrainingStep
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_GPU_SHARE = 0.9  # of what is free on the card: fragments, and the evaluator beside the trainer
_FEWEST_STEPS = 8  # an epoch keeps
_SAMPLE_SECONDS = 0.001
# of the small presets 1.2 to 1.6 were measured: the optimizer's state and what a step takes for a moment
_OVER_LEAST = 1.6
# of torch's CPU allocator, of C++ and of MPS; CUDA has a class of its own
_OUT_OF_MEMORY = ("can't allocate memory", "std::bad_alloc", "MPS backend out of memory")
_ONEDNN = "could not create a primitive"  # also of what it can't compute


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory to be had, on any device."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error)
    return any(known in text for known in _OUT_OF_MEMORY) or (_ONEDNN in text and _is_limited())


def _is_limited() -> bool:
    """Whether this process has a limit of its own (``ulimit -v``), where the system tells."""
    return hasattr(psutil, "RLIMIT_AS") and psutil.Process().rlimit(psutil.RLIMIT_AS)[0] != psutil.RLIM_INFINITY


def fit_batch_size(
    batch_size: int | str,
    network: nn.Module,
    loss_function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None,
    image_shape: Sequence[int],
    n_images: int,
    device: torch.device | str = "cpu",
    memory_budget: float | str = "auto",
    record: PathLike | None = None,
    in_place: bool = False,
    training_step: TrainingStep | None = None,
) -> int:
    """The batch size as given, or for ``"auto"`` the largest power of two whose training step fits in memory.

    A size that is given is looked at on a CPU alone, where the kernel would kill the process without a word: it is
    refused where what autograd keeps of so many images can't fit into what is available.

    For ``"auto"`` steps (forward, backward, Adam, or ``training_step``) are taken with 1, 2, 4, ... random images on a
    copy of the network, so weights and random states stay as they are. On a GPU a step may take nine tenths of what is
    free there, elsewhere ``memory_budget``. A batch that is expected to exceed it, by the growth so far, is not tried.
    An epoch keeps at least eight steps. Of several processes all take the smallest that one of them has found.

    Args:
        batch_size: number of images, or ``"auto"``.
        network: the network that will be trained.
        loss_function: of prediction and image, which a step of Adam lowers.
        image_shape: shape of one image, (C, H, W[, D]).
        n_images: number of training images.
        device: where the network will be trained.
        memory_budget: gigabytes or ``"auto"``, see :py:func:`imgae_monai.data.resolve_budget`.
        record: ``train.json`` of a run that goes on; ``"auto"`` is then what it was when the run started.
        in_place: train the network itself instead of a copy, where it is of no more use and memory is short.
        training_step: how a trainer of another kind takes its steps; the loss function is then of no use.

    Raises:
        InputError: when the batch size is neither ``"auto"`` nor a whole number of at least 1, can't fit,
            or not even one image fits.
    """
    if training_step is None:
        training_step = SupervisedStep(loss_function)  # type: ignore[arg-type]
    if batch_size != "auto":
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f"batch_size must be a whole number of at least 1, or 'auto', got {batch_size!r}")
        if torch.device(device).type == "cpu":
            _check_fits(batch_size, min(batch_size, n_images), network, image_shape, training_step.passes)
        return batch_size
    if record is not None:
        return int(json.loads(Path(record).read_text(encoding="utf-8"))["batch_size"])
    device = torch.device(device)
    limit = _limit(device, memory_budget)
    largest = max(1, n_images // _FEWEST_STEPS)
    used: list[int] = []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        step = _Trial(network if in_place else copy.deepcopy(network), training_step, image_shape, device)
        while 2 ** len(used) <= largest and _expected(used) <= limit:
            taken = step.memory(2 ** len(used))
            if taken is None or taken > limit:
                break
            used.append(taken)
    if not used:
        raise InputError(
            f"not even a batch of one {tuple(image_shape)} image fits into {limit / 1e9:.2f} GB on {device}: raise "
            "memory_budget, or choose a smaller image_size or preset"
        )
    chosen = smallest_everywhere(2 ** (len(used) - 1))
    logger.info(
        "batch_size auto: %d images a step, which takes %.2f of %.2f GB on %s (%d training images allow up to %d)",
        chosen,
        used[-1] / 1e9,
        limit / 1e9,
        device,
        n_images,
        largest,
    )
    return chosen


def _check_fits(
    batch_size: int,
    largest: int,
    network: nn.Module,
    image_shape: Sequence[int],
    passes: float,
) -> None:
    """Refuse a batch for which a CPU's memory can't do: its kernel kills a process that tries, without a word."""
    available = available_memory() // local_processes()
    of_an_image = int(passes * _kept_of_an_image(network, image_shape))
    gradients = sum(p.numel() * p.element_size() for p in network.parameters() if p.requires_grad)
    least = gradients + largest * of_an_image
    if least > available:
        fits = int(available / _OVER_LEAST - gradients) // of_an_image
        mend = f"{fits} should fit, or use auto" if fits > 0 else "choose a smaller image_size or preset"
        raise InputError(
            f"a step with batch_size {batch_size} takes at least {least / 1e9:.2f} GB, {available / 1e9:.2f} GB are "
            f"available: {mend}"
        )


def _kept_of_an_image(network: nn.Module, image_shape: Sequence[int]) -> int:
    """Bytes of what autograd keeps in the network of a further image: exact, unlike a process's resident memory, in
    which what was freed before hides what is taken now."""

    def kept(n: int) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        image = torch.rand(n, *image_shape)
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}  # running means stay as they are
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            output = torch.func.functional_call(network, buffers, image)
        del output
        return sum(storages.values())

    training = network.training
    network.train()
    with torch.random.fork_rng(devices=[]):
        of_an_image = kept(3) - kept(2)
    network.train(training)
    return max(1, of_an_image)


def _limit(device: torch.device, memory_budget: float | str) -> int:
    if device.type == "cuda":
        return int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    return resolve_budget(memory_budget) // local_processes()


def _expected(used: Sequence[int]) -> int:
    """What the next, doubled batch will take if memory grows as it did."""
    return used[-1] + 2 * max(0, used[-1] - used[-2]) if len(used) > 1 else 0


class _Trial:
    """Training steps of a network, and the memory that they take beyond what was held before."""

    def __init__(
        self, network: nn.Module, training_step: TrainingStep, image_shape: Sequence[int], device: torch.device
    ) -> None:
        self.device = device
        self.image_shape = tuple(image_shape)
        self.before = torch.cuda.memory_allocated(device) if device.type == "cuda" else _resident()
        self.network = network.to(device).train()
        self.step = training_step(self.network)

    def memory(self, batch_size: int) -> int | None:
        """Bytes at the peak of a step, or None where the device ran out of memory."""
        if self.device.type != "cuda":
            try:
                with _peak_memory() as peak:
                    self._take(batch_size)
            except (RuntimeError, MemoryError) as e:
                if is_out_of_memory(e):  # under a limit of the process
                    return None
                raise
            return max(peak) - self.before
        torch.cuda.reset_peak_memory_stats(self.device)
        try:
            self._take(batch_size)
        except torch.cuda.OutOfMemoryError:
            return None
        finally:
            self.network.zero_grad()
            torch.cuda.empty_cache()
        return torch.cuda.max_memory_allocated(self.device) - self.before

    def _take(self, batch_size: int) -> None:
        self.step(torch.rand(batch_size, *self.image_shape, device=self.device))


def _resident() -> int:
    return psutil.Process().memory_info().rss


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Sample this process's resident memory meanwhile; the list holds what was seen."""
    seen = [_resident()]
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            seen.append(_resident())
            time.sleep(_SAMPLE_SECONDS)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield seen
        seen.append(_resident())
    finally:
        done.set()
        thread.join()
