"""What it takes to train and to use a network that is not trained yet, measured on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psutil
import torch
from monai.bundle import ConfigParser
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from imgae_monai.data.memory import available_memory
from imgae_monai.engines.batch_size import fit_batch_size
from imgae_monai.engines.choose_device import choose_device
from imgae_monai.engines.environment import environment
from imgae_monai.engines.model_cost import median_seconds, peak_rss, run_child
from imgae_monai.engines.training_step import SupervisedStep, TrainingStep
from imgae_monai.exceptions import InputError

_MB = 1e6  # bytes
_STATES = 4  # weights, gradients and Adam's two moments
_CHILD = "from imgae_monai.engines.preset_cost import _main; _main()"


def forward_flops(network: nn.Module, image_shape: Sequence[int]) -> int:
    """Floating point operations of one image's way through a network, as ``torch.utils.flop_counter`` counts them.

    Counted are convolutions and matrix products, a multiply-add as two; not counted are normalisation, activations,
    pooling, interpolation and biases. A network on the device ``meta`` costs neither time nor memory.

    Args:
        network: it is set to evaluation mode.
        image_shape: (C, H, W[, D]).

    Example:
        >>> forward_flops(nn.Conv2d(1, 2, kernel_size=3, padding=1), (1, 4, 4))  # 2 * (3 * 3) * 2 * (4 * 4)
        576
    """
    image = torch.empty(1, *image_shape, device=next(network.parameters()).device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(image)
    return int(counter.get_total_flops())


def measure_preset(config: Mapping[str, Any], device: str = "auto", seconds: float = 2.0) -> dict[str, Any]:
    """Measure a network with random weights in a process of its own: scoring a batch, and training by one.

    The network alone is timed; images are random and already there. What reading them, the score, and validation cost
    is left out. A training step is the bundle's own: forward, backward, and Adam, or those of introspective training.

    Args:
        config: a bundle's ``train.json`` with a preset and overrides; it executes code.
        device: see :py:func:`imgae_monai.engines.choose_device`.
        seconds: how long each of the two is repeated, after a warm-up.

    Returns:
        ``predict_seconds`` and ``train_seconds`` (median of a batch), ``predict_mb`` and ``train_mb`` (peak memory that
        they add to the process, in 10^6 bytes; on a GPU, of its tensors), ``batch_size``, ``device``, ``device_name``,
        ``n_threads``, ``n_repeats``.

    Raises:
        InputError: when it is too large for this machine's memory, or can't be measured.
    """
    return run_child([_CHILD], json.dumps({"config": dict(config), "device": device, "seconds": seconds}))


def _main() -> None:
    """Program of the child process: prints the measurement as its last line, or the error as one line."""
    given = json.load(sys.stdin)
    try:
        found = _measure(given["config"], choose_device(given["device"]), given["seconds"])
    except InputError as e:
        sys.exit(str(e))
    print(json.dumps(found))


def _measure(config: dict[str, Any], device: torch.device, seconds: float) -> dict[str, Any]:
    parser = ConfigParser(config)
    with torch.device("meta"):
        states = _STATES * _bytes(parser.get_parsed_content("network_def"))
    if device.type == "cpu" and states > available_memory():
        raise InputError(
            f"too large for this machine: weights, gradients and Adam's moments take {states / 1e9:.1f} GB, "
            f"{available_memory() / 1e9:.1f} GB are available"
        )
    parser.parse(reset=True)
    before = psutil.Process().memory_info().rss
    network = parser.get_parsed_content("network_def")
    step = _training_step(parser)
    shape = [1, *[int(parser.get_parsed_content("image_size"))] * int(parser.get_parsed_content("spatial_dims"))]
    batch_size = fit_batch_size(
        parser.get_parsed_content("batch_size"),
        network,
        None,
        shape,
        n_images=sys.maxsize,
        device=device,
        training_step=step,
    )
    images = torch.rand(batch_size, *shape, device=device)
    network.to(device).eval()
    with torch.inference_mode():
        predict, n_predict = median_seconds(network, images, seconds, warm_up=1, least=3)
    predict_peak = _peak(device)
    take = step(network.train())
    train, n_train = median_seconds(take, images, seconds, warm_up=1, least=3)
    base = 0 if device.type == "cuda" else before
    return {
        "batch_size": batch_size,
        "predict_seconds": predict,
        "predict_mb": max(0, predict_peak - base) / _MB,
        "train_seconds": train,
        "train_mb": max(0, _peak(device) - base) / _MB,
        "device": str(device),
        **{key: environment(device)[key] for key in ("device_name", "n_threads")},
        "n_repeats": [n_predict, n_train],
    }


def _bytes(network: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for p in network.parameters())


def _training_step(parser: ConfigParser) -> TrainingStep:
    """As ``step_batch_size`` of the config takes it."""
    own: TrainingStep | None = None
    if "training_step" in parser["step_batch_size"]:
        own = parser.get_parsed_content("step_batch_size::training_step")
    if own is None:
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = parser.get_parsed_content("loss")
        return SupervisedStep(loss)
    return own


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_rss()
