"""What sites send and get back: arrays by name, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import PathLike
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.fl import histogram
from imgae_monai.transforms.score_definition import ScoreDefinition

HEADER = "header"
VALUES, COUNTS, LARGEST = "/values", "/counts", "/largest"

Message = dict[str, NDArray[Any]]


def header(stage: str, score: ScoreDefinition, specificity: float, weights_sha256: str, step: float) -> NDArray[Any]:
    """What all sites must agree on, as an array: ``numpy.savez`` and federated frameworks carry it without pickle."""
    agreed = {"stage": stage, "score": dataclasses.asdict(score), "specificity": specificity}
    return np.asarray(json.dumps({**agreed, "weights_sha256": weights_sha256, "step": step}))


def read_header(message: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What :py:func:`header` wrote."""
    return dict(json.loads(str(message[HEADER])))


def merge(messages: Sequence[Mapping[str, NDArray[Any]]]) -> Message:
    """The message of all sites together: sums and counts add up, of largest values the largest is kept.

    Args:
        messages: one a site, all of one stage of :py:class:`imgae_monai.fl.SiteCalibrator`.

    Raises:
        ValueError: when there is none.
        InputError: when sites differ in stage, weights, score, specificity, step, or in names or shapes of arrays, or
            a number is not finite.
    """
    if not messages:
        raise ValueError("expected a message of each site, got none")
    first = messages[0]
    for site, message in enumerate(messages):
        _check_site(site, message, first)
    merged: Message = {HEADER: first[HEADER]}
    for name in first:
        parts = [np.asarray(message[name]) for message in messages]
        if name.endswith(VALUES):
            counts = name.removesuffix(VALUES) + COUNTS
            merged[name], merged[counts] = histogram.pooled(parts, [np.asarray(m[counts]) for m in messages])
        elif name.endswith(LARGEST):
            merged[name] = np.max(parts, axis=0)
        elif name != HEADER and not name.endswith(COUNTS):
            merged[name] = np.sum(parts, axis=0)
    return merged


def _check_site(site: int, message: Mapping[str, NDArray[Any]], first: Mapping[str, NDArray[Any]]) -> None:
    agreed, own = read_header(first), read_header(message)
    different = [key for key in agreed if own.get(key) != agreed[key]]
    if different:
        key = different[0]
        raise InputError(f"site {site} has another {key} than site 0: {own.get(key)!r}, there {agreed[key]!r}")
    shapes, expected = ({name: _shape(name, array) for name, array in m.items()} for m in (message, first))
    names = sorted(name for name in {*shapes, *expected} if shapes.get(name) != expected.get(name))
    if names:
        raise InputError(
            f"site {site} has another {names[0]} than site 0: shape {shapes.get(names[0])}, there "
            f"{expected.get(names[0])}; all sites must use the same config"
        )
    spoilt = [name for name, array in message.items() if name != HEADER and not np.isfinite(array).all()]
    if spoilt:
        raise InputError(f"site {site} sent {spoilt[0]} that is not finite: calibrate without it")


def _shape(name: str, array: NDArray[Any]) -> tuple[int, ...]:
    """Shape of an array, without what differs from site to site."""
    return array.shape[1:] if name.endswith((VALUES, COUNTS)) else array.shape


def weights_sha256(path: PathLike) -> str:
    """Hash of a checkpoint's names and tensors: of the same ones, another version of torch may write another file."""
    digest = hashlib.sha256()
    for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items():
        array = tensor.contiguous().numpy()
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
