"""Pictures of single images for the page: what was shown to the network, what it made of it, where it found fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.image_reader import read_image
from imgae_monai.data.image_reference import split_reference
from imgae_monai.exceptions import InputError
from imgae_monai.page import data_uri, jpeg_uri
from imgae_monai.report.choose import Choice, choose_images
from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.map_picture import map_png, rgb_png
from imgae_monai.report.outlines import outlines
from imgae_monai.report.rerun import EvaluatedNetwork, Look

_PIXELS = 256  # longest side on the page
_QUALITY = 85


@dataclasses.dataclass(frozen=True)
class Case:
    """One image as the page shows it.

    Args:
        row: its position in the evaluation.
        size: (height, width) of the network's input, which the outlines are in.
        image: data URI.
        reconstruction: data URI.
        anomaly_map: data URI.
        heat: data URI of the same map, to lie over the image.
        outlines: closed lines of (x, y), where a region is known.
        explanations: name of a method to the data URI of its map over the image.
    """

    row: int
    size: tuple[int, int]
    image: str
    reconstruction: str
    anomaly_map: str
    heat: str
    outlines: list[list[tuple[float, float]]]
    explanations: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Gallery:
    """Groups of images, each drawn once.

    Args:
        choices: title and rows of each group.
        cases: by row.
        limit: value of the anomaly maps' hottest colour.
    """

    choices: list[Choice]
    cases: dict[int, Case]
    limit: float


def missing_images(images: Sequence[str]) -> str | None:
    """Why no picture can be made of images, None where all of them are there."""
    streamed = [image for image in images if is_streamed(image)]
    if streamed:
        return f"{len(streamed)} of {len(images)} images were streamed and are not kept here, as {streamed[0]}"
    gone = [image for image in images if not split_reference(image)[0].is_file()]
    if not gone:
        return None
    return f"{len(gone)} of {len(images)} images that would be shown are not files here, as {gone[0]}"


def make_gallery(
    evaluation: Evaluation,
    network: EvaluatedNetwork,
    regions: Mapping[str, Mapping[str, Any]],
    n_examples: int,
    explain: Sequence[str] = (),
    seed: int = 0,
) -> Gallery:
    """Choose images, pass them through the network and draw them.

    Args:
        evaluation: whose scores choose.
        network: that of the evaluation.
        regions: by path of an image, as :py:meth:`imgae_monai.data.Datalist.regions` gives them.
        n_examples: images a group.
        explain: methods of :py:func:`imgae_monai.explain.explain`.
        seed: of the explanations.

    Raises:
        InputError: when an image is missing, or scores otherwise than it did in the evaluation.
    """
    annotated = [row for row, image in enumerate(evaluation.images) if image in regions]
    choices = choose_images(evaluation.labels, evaluation.scores, annotated, n_examples)
    rows = list(dict.fromkeys(row for choice in choices for row in choice.rows))
    images = [evaluation.images[row] for row in rows]
    gone = missing_images(images)
    if gone:
        raise InputError(gone)
    looks = network.look(images, evaluation.labels[rows].tolist(), evaluation.scores[rows].tolist())
    limit = max(network.calibration.map_limit, 1e-12)  # 0 where normal residuals are: any residual is then at the top
    cases = {}
    for row, image, look in zip(rows, images, looks, strict=True):
        lines = outlines(regions[image], read_image(image).shape, network.geometry) if image in regions else []
        cases[row] = _case(row, look, limit, lines, _explanations(network, look, explain, seed))
    return Gallery(choices, cases, limit)


def _case(
    row: int, look: Look, limit: float, lines: list[list[tuple[float, float]]], explanations: dict[str, str]
) -> Case:
    image, reconstruction, anomaly_map = (plane(x) for x in (look.image, look.reconstruction, look.anomaly_map))
    small = _shrink(anomaly_map)
    height, width = image.shape
    return Case(
        row,
        (height, width),
        jpeg_uri(image, _PIXELS, _QUALITY),
        jpeg_uri(reconstruction, _PIXELS, _QUALITY),
        data_uri(map_png(small, limit), "image/png"),
        data_uri(map_png(small, limit, transparent=True), "image/png"),
        lines,
        explanations,
    )


def _explanations(network: EvaluatedNetwork, look: Look, methods: Sequence[str], seed: int) -> dict[str, str]:
    if not methods:
        return {}
    from imgae_monai.explain import explain, map_height
    from imgae_monai.visualize import signed_overlay

    image = look.image[None].to(network.device)
    score = network.calibration.score
    known = (network.calibration, tuple(methods), seed, network.lpips_weights, network.inferer)
    maps = explain(network.network, image, score, *known)
    grey = np.clip(plane(look.image), 0, 1)
    drawn = {}
    for method, values in maps.items():
        signed = plane(values[0].cpu())
        picture = signed_overlay(grey, signed, max(map_height(torch.as_tensor(signed)), 1e-12))
        drawn[method] = data_uri(rgb_png(picture), "image/png")
    return drawn


def plane(values: torch.Tensor) -> NDArray[np.float32]:
    """The first channel of an image, of a volume its middle slice."""
    first = np.asarray(values[0], dtype=np.float32)
    return first if first.ndim == 2 else first[..., first.shape[-1] // 2]


def _shrink(values: NDArray[np.float32]) -> NDArray[np.float32]:
    picture = Image.fromarray(values)
    picture.thumbnail((_PIXELS, _PIXELS), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)


def short_names(images: Sequence[str]) -> list[str]:
    """Names of images without the folders that all of them share."""
    parents = [Path(image).parts[:-1] for image in images]
    shared = 0
    for parts in zip(*parents, strict=False):
        if len(set(parts)) > 1:
            break
        shared += 1
    return [str(Path(*Path(image).parts[shared:])) for image in images]
