"""What all sites' messages say together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgae_monai.engines.map_moments import MapMoments
from imgae_monai.exceptions import InputError
from imgae_monai.fl import histogram
from imgae_monai.fl.code_moments import CodeMoments
from imgae_monai.fl.message import COUNTS, VALUES, Message, read_header
from imgae_monai.transforms.calibration import Calibration, check_enough, normal_quantile
from imgae_monai.transforms.combination import Combination, left_out_scores
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

MAP, PEAK, PIXEL, SCORE = "map", "peak", "pixel", "score"
_MAP_SUMS = ("total", "square")
_CODE_SUMS = ("total", "square", "largest")


def component_key(map_name: str) -> str:
    """Name in a message of the sums over a component's maps."""
    return f"component {map_name}"


def code_key(name: str) -> str:
    """Name in a message of the sums over a code."""
    return f"code {name}"


def map_moments(moments: Message, key: str) -> MapMoments:
    """Sums over maps, which may then be standardised by the other images of all sites."""
    pooled = MapMoments()
    pooled.n = int(moments[f"{key}/n"])
    pooled.total, pooled.square = (torch.from_numpy(np.asarray(moments[f"{key}/{part}"])) for part in _MAP_SUMS)
    return pooled


def map_sums(moments: MapMoments, key: str) -> Message:
    """The same as a message."""
    sums = {f"{key}/{part}": getattr(moments, part).numpy() for part in _MAP_SUMS}
    return {f"{key}/n": np.asarray(moments.n), **sums}


def code_moments(moments: Message, name: str) -> CodeMoments:
    """Sums over codes of a name."""
    key = code_key(name)
    return CodeMoments(int(moments[f"{key}/n"]), *(np.asarray(moments[f"{key}/{part}"]) for part in _CODE_SUMS))


def code_sums(moments: CodeMoments, name: str) -> Message:
    """The same as a message."""
    key = code_key(name)
    sums = {f"{key}/{part}": getattr(moments, part) for part in _CODE_SUMS}
    return {f"{key}/n": np.asarray(moments.n), **sums}


def gaussians(moments: Message, scatter: Message | None, score: ScoreDefinition) -> dict[str, Gaussian]:
    """Of all sites' codes, by name.

    Raises:
        ValueError: when the score has codes and there is no second message.
        InputError: as :py:meth:`CodeMoments.gaussian`.
    """
    if not score.codes:
        return {}
    if scatter is None:
        raise ValueError(f"the score {score.name!r} has codes: the merged second message is needed, got None")
    return {
        name: code_moments(moments, name).gaussian(
            np.asarray(scatter[f"{code_key(name)}/scatter"]), np.asarray(scatter[f"{code_key(name)}/fourth"])
        )
        for name in score.codes
    }


def pooled_calibration(
    moments: Message,
    scatter: Message | None,
    scores: Message,
    checkpoint_sha256: str,
    data_fingerprint: str,
    image_sha256: tuple[str, ...] = (),
) -> Calibration:
    """The calibration of all sites.

    Args:
        moments: the first messages of :py:class:`imgae_monai.fl.SiteCalibrator`, merged.
        scatter: the second ones, merged; None where the score has no codes.
        scores: the third ones, merged.
        checkpoint_sha256: hash of the file of the weights beside which it will lie.
        data_fingerprint: of a site's data.
        image_sha256: hashes of a site's validation images.

    Raises:
        InputError: when the messages don't belong together, or all sites have too few images for the specificity.
    """
    agreed = _agreed(moments, scatter, scores)
    score, specificity = ScoreDefinition(**agreed["score"]), agreed["specificity"]
    rows, peaks = _expanded(scores, SCORE), _expanded(scores, PEAK)[:, 0]
    maps = map_moments(moments, MAP)
    if len(rows) != maps.n:
        raise InputError(f"the third messages are of {len(rows)} images, the first of {maps.n}: start anew")
    combination, values = None, rows[:, 0]
    if score.components:
        combination = Combination.fit(rows, score.two_sided, score.components)
        values = left_out_scores(rows, score.two_sided, score.components)
    mean, std = maps.mean_std()
    names = [name for name in score.components if name not in CODES]
    z_scored = {s.map_name for s in map(ScoreDefinition.parse, names) if s.z_score}
    components = {name: map_moments(moments, component_key(name)).mean_std() for name in sorted(z_scored)}
    check_enough(maps.n, specificity)
    return Calibration(
        threshold=normal_quantile(values, specificity),
        specificity=specificity,
        mean=mean.float(),
        std=std.float(),
        map_limit=normal_quantile(peaks, specificity),
        n_images=maps.n,
        score=score,
        checkpoint_sha256=checkpoint_sha256,
        data_fingerprint=data_fingerprint,
        image_sha256=image_sha256,
        pixel_threshold=histogram.quantile(scores[PIXEL + VALUES][:, 0], scores[PIXEL + COUNTS], specificity),
        normal_scores=tuple(sorted(values.tolist())),
        combination=combination,
        map_moments={name: (mean.float(), std.float()) for name, (mean, std) in components.items()},
        codes=gaussians(moments, scatter, score),
    )


def _agreed(moments: Message, scatter: Message | None, scores: Message) -> dict[str, Any]:
    headers = [read_header(message) for message in (moments, scatter, scores) if message is not None]
    stages = [header.pop("stage") for header in headers]
    expected = ["moments", "scores"] if scatter is None else ["moments", "scatter", "scores"]
    if stages != expected:
        raise InputError(f"expected messages of the stages {', '.join(expected)}, got {', '.join(stages)}")
    for header in headers:
        if header != headers[0]:
            raise InputError(f"messages of stage {stages[headers.index(header)]} belong to another calibration")
    return headers[0]


def _expanded(scores: Mapping[str, NDArray[Any]], key: str) -> NDArray[np.float64]:
    return np.repeat(np.asarray(scores[key + VALUES]), np.asarray(scores[key + COUNTS]), axis=0)
