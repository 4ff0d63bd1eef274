"""Random states in a form that loads with ``weights_only=True``: tensors, numbers and dictionaries."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from monai.transforms import Randomizable, Transform
from torch.utils.data import DataLoader, Dataset, Sampler

from imgae_monai.exceptions import InputError

_Source = np.random.RandomState | torch.Generator
_OWNERS = (Dataset, Sampler, Transform, Randomizable)


def global_random_state() -> dict[str, Any]:
    """States of Python's, NumPy's and torch's own generators, of every CUDA device and of MPS too."""
    version, words, gauss = random.getstate()
    return {
        "python": {"version": version, "words": torch.tensor(words, dtype=torch.int64), "gauss": gauss},
        "numpy": _encode(np.random.mtrand._rand),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def set_global_random_state(state: Mapping[str, Any]) -> None:
    """Go on from what :py:func:`global_random_state` gave; without its CUDA devices those are left as they are."""
    python = state["python"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    _restore(np.random.mtrand._rand, state["numpy"])
    torch.set_rng_state(state["torch"].cpu())
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([device.cpu() for device in state["cuda"]])
    if torch.backends.mps.is_available() and state["mps"] is not None:
        torch.mps.set_rng_state(state["mps"].cpu())


def loader_random_state(loader: DataLoader) -> dict[str, Any]:
    """States of what a loader draws from in this process: its own generators and those of each random transform.

    Worker processes are seeded anew each epoch from torch's state, and need none of their own.
    """
    return {name: _encode(source) for name, source in _sources(loader)}


def set_loader_random_state(loader: DataLoader, state: Mapping[str, Any]) -> None:
    """Go on from what :py:func:`loader_random_state` gave.

    Raises:
        InputError: when the loader's transforms are others.
    """
    sources = dict(_sources(loader))
    if sources.keys() != state.keys():
        differing = ", ".join(sorted(sources.keys() ^ state.keys()))
        raise InputError(f"the random transforms are not those that this run was started with: {differing}")
    for name, source in sources.items():
        _restore(source, state[name])


def _sources(loader: DataLoader) -> Iterator[tuple[str, _Source]]:
    seen: set[int] = set()
    for name in ("dataset", "generator", "sampler"):
        yield from _find(getattr(loader, name), name, seen)


def _find(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, _Source]]:
    """Random sources below a value, by the way to them; images and data lists are not entered."""
    if isinstance(value, _Source):
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _find(part, f"{name}.{index}", seen)
    elif isinstance(value, _OWNERS) and id(value) not in seen:
        seen.add(id(value))
        for key, part in vars(value).items():
            yield from _find(part, f"{name}.{key}", seen)


def _encode(source: _Source) -> Any:
    if isinstance(source, torch.Generator):
        return source.get_state()
    state: Any = source.get_state(legacy=True)
    _, words, position, has_gauss, gauss = state
    return {
        "words": torch.from_numpy(words.astype(np.int64)),
        "position": int(position),
        "has_gauss": int(has_gauss),
        "gauss": float(gauss),
    }


def _restore(source: _Source, state: Any) -> None:
    if isinstance(source, torch.Generator):
        source.set_state(state.cpu())
        return
    words = state["words"].cpu().numpy().astype(np.uint32)
    source.set_state(("MT19937", words, state["position"], state["has_gauss"], state["gauss"]))
