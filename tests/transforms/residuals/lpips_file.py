"""A file as ``torch.save(lpips.LPIPS(net="squeeze").state_dict(), path)`` makes it; the weights are made up."""

from __future__ import annotations

from pathlib import Path

import torch

# slice and layer, inputs, squeezed, expanded of the fire modules
_FIRES = [
    *(("2.3", 64, 16, 64), ("2.4", 128, 16, 64), ("3.6", 128, 32, 128), ("3.7", 256, 32, 128)),
    *(("4.9", 256, 48, 192), ("5.10", 384, 48, 192), ("6.11", 384, 64, 256), ("7.12", 512, 64, 256)),
]
_LIN = [64, 128, 256, 384, 384, 512, 512]


def lpips_state() -> dict[str, torch.Tensor]:
    shapes = {"net.slice1.0": (64, 3, 3, 3)}
    for name, ins, squeezed, expanded in _FIRES:
        shapes[f"net.slice{name}.squeeze"] = (squeezed, ins, 1, 1)
        shapes[f"net.slice{name}.expand1x1"] = (expanded, squeezed, 1, 1)
        shapes[f"net.slice{name}.expand3x3"] = (expanded, squeezed, 3, 3)
    state = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "scaling_layer.scale": torch.ones(1, 3, 1, 1)}
    for i, (name, shape) in enumerate(shapes.items()):
        state[f"{name}.weight"] = _wave(shape, i) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        state[f"{name}.bias"] = 0.01 * _wave(shape[:1], i + 0.5)
    for i, n in enumerate(_LIN):
        weight = _wave((1, n, 1, 1), i).abs() / n**0.5
        state |= {f"lin{i}.model.1.weight": weight, f"lins.{i}.model.1.weight": weight}
    return state


def write_lpips(path: Path) -> Path:
    torch.save(lpips_state(), path)
    return path


def _wave(shape: tuple[int, ...], phase: float) -> torch.Tensor:
    n = torch.Size(shape).numel()
    return (torch.arange(n, dtype=torch.float64) ** 1.5 * 0.37 + phase).sin().float().reshape(shape)
