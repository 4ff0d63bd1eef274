"""What a score is, and its name."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable

from imgae_monai.exceptions import InputError
from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.residual_map import check_residual, is_differentiable

LATENT = "latent"
FEATURE_GAUSSIAN = "feature_gaussian"
JOINT_GAUSSIAN = "joint_gaussian"
# of an image, how far they are from those of normal ones; see `codes.py`
CODES = (LATENT, FEATURE_GAUSSIAN, JOINT_GAUSSIAN)
_TWO_SIDED = "-two_sided"
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_NAME = re.compile(
    rf"(?P<residual>[a-z0-9_]+)(?P<clahe>-clahe)?(?:-sigma(?P<sigma>{_NUMBER}))?(?P<z>-z)?"
    rf"-(?:top(?P<top>{_NUMBER})|(?P<reduction>mean|max))(?P<two_sided>{_TWO_SIDED})?"
)


@dataclasses.dataclass(frozen=True)
class ScoreDefinition:
    """How a reconstruction becomes a score; a threshold holds for this definition only.

    Args:
        residual: see :py:class:`imgae_monai.transforms.ResidualMap`.
        smoothing_sigma: standard deviation in pixels of the Gaussian over the signed residual, 0 for none.
        z_score: whether the map is standardised by the normal residuals, see :py:class:`ZScoreMap`.
        reduction: ``"mean"``, ``"top"`` or ``"max"``, see :py:class:`imgae_monai.transforms.AnomalyScore`.
        top_fraction: as there.
        two_sided: whether an image that is easier than normal ones is as abnormal as one that is harder.
        combine: names of scores that are made into one (see :py:meth:`parse`); ``"latent"``, ``"feature_gaussian"``
            and ``"joint_gaussian"`` are such too, see :py:mod:`imgae_monai.transforms.codes`. The order does not
            matter. The anomaly map stays that of the other arguments; empty: so does the score.
        residual_clahe: CLAHE of image and reconstruction before they are compared.

    Raises:
        ValueError: when one of them is unknown or out of range.
        InputError: when a name in ``combine`` is malformed, or there twice.

    Example:
        >>> ScoreDefinition("ssim", smoothing_sigma=2.0, reduction="top", top_fraction=0.01).name
        'ssim-sigma2-top0.01'
    """

    residual: str = "l1"
    smoothing_sigma: float = 0.0
    z_score: bool = False
    reduction: str = "mean"
    top_fraction: float = 0.01
    two_sided: bool = False
    combine: tuple[str, ...] = ()
    residual_clahe: bool = False

    def __post_init__(self) -> None:
        check_residual(self.residual, self.smoothing_sigma, self.residual_clahe)
        AnomalyScore(self.reduction, self.top_fraction)
        if self.reduction != "top" and self.top_fraction != ScoreDefinition.top_fraction:
            raise ValueError(f"top_fraction {self.top_fraction} has no effect with reduction {self.reduction!r}")
        object.__setattr__(self, "combine", _components(self.combine))

    @property
    def name(self) -> str:
        """Short name, fit for a file's name.

        A combination ("combined", or its only component) has the first eight digits of the SHA-256 of its components
        and its map, as their names together are too long.
        """
        if self.combine:
            digest = hashlib.sha256(" ".join([self.base.name, *self.combine]).encode())
            kind = self.combine[0] if len(self.combine) == 1 else "combined"
            name = f"{kind}-{digest.hexdigest()[:8]}"
        else:
            top = f"top{_text(self.top_fraction)}"
            parts = [self.map_name, "z" if self.z_score else "", top if self.reduction == "top" else self.reduction]
            name = "-".join(filter(None, parts))
        return f"{name}{_TWO_SIDED}" if self.two_sided else name

    @property
    def map_name(self) -> str:
        """Name of the residual map, before it is standardised and reduced."""
        sigma = f"sigma{_text(self.smoothing_sigma)}" if self.smoothing_sigma else ""
        return "-".join(filter(None, [self.residual, "clahe" if self.residual_clahe else "", sigma]))

    @property
    def base(self) -> ScoreDefinition:
        """The score of the map alone, neither combined nor two-sided."""
        return dataclasses.replace(self, two_sided=False, combine=())

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the scores that it is made of, in a fixed order; empty where the map's score is taken as it is."""
        return self.combine or ((self.base.name,) if self.two_sided else ())

    @property
    def codes(self) -> tuple[str, ...]:
        """Those of the components that are distances of codes."""
        return tuple(name for name in self.combine if name in CODES)

    @property
    def has_gradient(self) -> bool:
        """Whether the score is differentiable by the image, which CLAHE is not."""
        if not self.components:
            return is_differentiable(self.residual, self.residual_clahe)
        return all(name in CODES or ScoreDefinition.parse(name).has_gradient for name in self.components)

    @classmethod
    def parse(cls, name: str) -> ScoreDefinition:
        """The definition that has a name: ``RESIDUAL[-clahe][-sigmaX][-z]-(mean|topX|max)[-two_sided]``.

        Args:
            name: as :py:attr:`name` gives it.

        Raises:
            InputError: when it is malformed, or the name of a combination, which does not tell its components.
            ValueError: when a part is unknown or out of range.

        Example:
            >>> ScoreDefinition.parse("ssim-sigma2-z-top0.01").smoothing_sigma
            2.0
        """
        found = _NAME.fullmatch(name)
        if found is None:
            raise InputError(
                f"{name!r} is no name of a score, which are RESIDUAL[-clahe][-sigmaX][-z]-(mean|topX|max), as "
                f"ssim-sigma2-mean; and {', '.join(CODES)} in combine"
            )
        return cls(
            residual=found["residual"],
            smoothing_sigma=float(found["sigma"] or 0),
            z_score=found["z"] is not None,
            reduction=found["reduction"] or "top",
            top_fraction=float(found["top"] or cls.top_fraction),
            two_sided=found["two_sided"] is not None,
            residual_clahe=found["clahe"] is not None,
        )


def _components(names: Iterable[str]) -> tuple[str, ...]:
    """Names in one spelling and order."""
    if isinstance(names, str):
        raise InputError(f"combine takes a list of names of scores, got {names!r}")
    found = [name if name in CODES else _component(name) for name in names]
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise InputError(f"combine names {', '.join(twice)} twice")
    return tuple(sorted(found))


def _component(name: str) -> str:
    parsed = ScoreDefinition.parse(name)
    if parsed.two_sided:
        raise InputError(f"combine takes scores that are not two-sided themselves, got {name!r}: set two_sided")
    return parsed.name


def _text(number: float) -> str:
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
