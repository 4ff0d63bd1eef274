"""What normal validation images teach about a score: its threshold, and where residuals are normal.

Nothing here ever sees an abnormal image or a test label; that is why it may be used to decide.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from monai.config import KeysCollection, PathLike
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_dst_type

from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.combination import Combination
from imgae_monai.transforms.gaussian import Gaussian
from imgae_monai.transforms.score_definition import ScoreDefinition


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Threshold and normal residuals of one trained network for one score.

    Args:
        threshold: an image is abnormal when its score is above it.
        specificity: share of normal validation images at or below the threshold that was asked for.
        mean: per-pixel mean of the map over normal validation images, shape (1, H, W[, D]).
        std: per-pixel standard deviation of the same, same shape.
        map_limit: the same quantile of the maps' heights (mean of the highest hundredth of the pixels); pictures end
            their colour scale here, all of them.
        n_images: number of normal validation images.
        score: the score's definition.
        checkpoint_sha256: hash of the weights that it was made with.
        data_fingerprint: fingerprint of the data list that the validation images came from.
        image_sha256: hashes of those images, so that none of them is evaluated.
        pixel_threshold: the same quantile of the maps' pixels, for localisation; None where an earlier version made it.
        normal_scores: the images' scores, ascending, each by what the others teach; empty in that case.
        combination: how a combined or two-sided score is made of its components; None for any other, as the two below.
        map_moments: per-pixel mean and standard deviation of the maps of z-scored components, by the maps' names.
        codes: of the training images, where a component is a distance to them, by name.
        members_sha256: one hash of all members of an ensemble; None for a network alone.
    """

    threshold: float
    specificity: float
    mean: torch.Tensor
    std: torch.Tensor
    map_limit: float
    n_images: int
    score: ScoreDefinition
    checkpoint_sha256: str
    data_fingerprint: str
    image_sha256: tuple[str, ...] = ()
    pixel_threshold: float | None = None
    normal_scores: tuple[float, ...] = ()
    combination: Combination | None = None
    map_moments: Mapping[str, tuple[torch.Tensor, torch.Tensor]] = dataclasses.field(default_factory=dict)
    codes: Mapping[str, Gaussian] = dataclasses.field(default_factory=dict)
    members_sha256: str | None = None

    def save(self, path: PathLike) -> None:
        """Write to ``path``, loadable with ``torch.load(..., weights_only=True)``."""
        with atomic_write(path) as file:
            self.write(file)

    def write(self, file: BinaryIO) -> None:
        """The same, to an open file."""
        torch.save(dataclasses.asdict(self), file)

    def summary(self) -> dict[str, Any]:
        """Everything but the maps, hashes, scores and what they were fitted with, for a results file."""
        skipped = ("mean", "std", "image_sha256", "normal_scores", "combination", "map_moments", "codes")
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in skipped}
        return {**fields, "score": dataclasses.asdict(self.score)}

    @classmethod
    def read(cls, file: PathLike | BinaryIO) -> Calibration:
        """Read what :py:meth:`save` wrote, from a path or an open file, and check nothing."""
        stored = torch.load(file, map_location="cpu", weights_only=True)
        parts = {"score": ScoreDefinition, "combination": Combination}
        made = {key: part(**stored[key]) for key, part in parts.items() if stored.get(key) is not None}
        codes = {name: Gaussian(**code) for name, code in stored.get("codes", {}).items()}
        return cls(**{**stored, **made, "codes": codes})

    @classmethod
    def load(
        cls, path: PathLike, score: ScoreDefinition, checkpoint_sha256: str, members_sha256: str | None = None
    ) -> Calibration:
        """Read a calibration and make sure that it belongs to this score and these weights.

        Args:
            path: file written by :py:meth:`save`.
            score: the score that is about to be used.
            checkpoint_sha256: hash of the weights that are about to be used.
            members_sha256: the same of an ensemble's members.

        Raises:
            InputError: when the file is missing or unreadable, or was made for another score or other weights.
        """
        mend = "make one from normal validation images: imgae-monai calibrate RUN (same score options)"
        if not Path(path).is_file():
            raise InputError(f"no calibration for the score {score.name!r} at {path}; {mend}")
        try:
            calibration = cls.read(path)
        except Exception as e:
            raise InputError(f"{path} is not a readable calibration ({type(e).__name__}); {mend}") from e
        if calibration.score != score:
            raise InputError(f"{path} is for the score {calibration.score}, asked for is {score}; {mend}")
        if calibration.checkpoint_sha256 != checkpoint_sha256:
            raise InputError(f"{path} was made with other weights than the checkpoint beside it; {mend}")
        if calibration.members_sha256 != members_sha256:
            raise InputError(f"{path} was made with another ensemble, or with none; {mend}")
        return calibration


def normal_quantile(scores: np.ndarray, specificity: float) -> float:
    """Quantile of normal scores, rounded up to a score that was observed (numpy's method ``"higher"``).

    At least ``specificity`` of these scores are at or below it. Rounding up rather than interpolating keeps the promise
    for new normal images too, about as the conformal rank ``ceil((n + 1) specificity)`` does.

    Args:
        scores: scores of normal validation images, shape (n,).
        specificity: in (0, 1).

    Raises:
        InputError: when a score is not finite, or there are too few images.
        ValueError: when ``specificity`` is out of range.

    Example:
        >>> normal_quantile(np.arange(100.0), 0.95)
        95.0
    """
    check_enough(len(scores), specificity)
    if not np.isfinite(scores).all():
        raise InputError("a normal validation image has a score that is not finite: check the data and the weights")
    return float(np.quantile(scores, specificity, method="higher"))


def check_enough(n_images: int, specificity: float) -> None:
    """Make sure that there are images enough for a quantile: one or more that may lie at or above it.

    Raises:
        ValueError: when ``specificity`` is out of range.
        InputError: when there are too few; says how many are needed.
    """
    if not 0 < specificity < 1:
        raise ValueError(f"specificity must be in (0, 1), got {specificity}")
    needed = int(np.ceil(1 / (1 - specificity) - 1e-9))
    if n_images < needed:
        raise InputError(
            f"a threshold at {specificity:.1%} specificity needs at least {needed} normal validation images, got "
            f"{n_images}: give more (val_fraction, or a val folder) or lower the specificity"
        )


class ZScoreMap(Transform):
    """Standardise a map by normal validation residuals, pixel by pixel: ``(map - mean) / max(std, floor)``.

    Edges that every reconstruction blurs have a high mean and count less; a residual where there never is one counts
    more. The floor keeps pixels that hardly vary (padding, air) from dominating.

    Args:
        mean: per-pixel mean, shape (1, H, W[, D]).
        std: per-pixel standard deviation, same shape.
        floor_fraction: the floor as a share of the standard deviation's mean over the map.

    Raises:
        ValueError: when the shapes differ.

    Example:
        >>> ZScoreMap(torch.ones(1, 1, 2), torch.tensor([[[0.5, 1.0]]]))(torch.tensor([[[2.0, 2.0]]]))
        tensor([[[2., 1.]]])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, mean: torch.Tensor, std: torch.Tensor, floor_fraction: float = 0.1) -> None:
        if mean.shape != std.shape:
            raise ValueError(f"mean {tuple(mean.shape)} and std {tuple(std.shape)} differ in shape")
        self.mean = mean
        self.std = std.clamp_min(max(floor_fraction * float(std.mean()), 1e-12))

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """
        Args:
            img: map of the same shape as ``mean``.

        Raises:
            ValueError: when the shapes differ.
        """
        if img.shape != self.mean.shape:
            raise ValueError(f"map {tuple(img.shape)} and calibration {tuple(self.mean.shape)} differ in shape")
        mean, std = (convert_to_dst_type(x, img)[0] for x in (self.mean, self.std))
        return (img - mean) / std


class ZScoreMapd(MapTransform):
    """Dictionary version of :py:class:`ZScoreMap`.

    Args:
        keys: keys of the maps.
        calibration: gives ``mean`` and ``std``.
        allow_missing_keys: don't raise when a key is missing.
    """

    backend = ZScoreMap.backend

    def __init__(self, keys: KeysCollection, calibration: Calibration, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.calibration = calibration

    @functools.cached_property
    def z_score(self) -> ZScoreMap:
        """The array transform; made at the first call, so that a calibration may be read late."""
        return ZScoreMap(self.calibration.mean, self.calibration.std)

    def __call__(self, data: Mapping[Hashable, torch.Tensor]) -> dict[Hashable, torch.Tensor]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.z_score(d[key])
        return d


ZScoreMapD = ZScoreMapDict = ZScoreMapd
