"""What is wrong with single images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from imgae_monai.audit.finding import Finding, Group
from imgae_monai.audit.measurement import Measurement

# the emptiest good image of three sets: a brain slice with 79 % black, a radiograph with a standard deviation of 0.098
NEAR_EMPTY_SHARE = 0.98  # of the pixels have one grey level of 256
NEAR_EMPTY_STD = 0.01  # of the range
SIZE_FACTOR = 2.0
ASPECT_FACTOR = 1.5
_SPREADS = 4.0  # where sizes differ by nature, the bound is this many robust standard deviations


def check_images(measurements: Sequence[Measurement]) -> list[Finding]:
    """Findings about unreadable, empty and odd images.

    Args:
        measurements: of the whole set, since "odd" is against the set.

    Returns:
        the findings that there are.
    """
    readable = [m for m in measurements if m.error is None]
    findings = [
        Finding(
            "truncated",
            "error",
            "the end of the file is missing: copy it anew, or take it out",
            tuple(Group((m.image,), str(m.error)) for m in measurements if m.truncated),
        ),
        Finding(
            "unreadable",
            "error",
            "can't be decoded, so training would stop here: replace it or take it out",
            tuple(Group((m.image,), str(m.error)) for m in measurements if m.error and not m.truncated),
        ),
        Finding(
            "constant",
            "warning",
            "every pixel has one value: nothing can be learned from it or seen on it",
            tuple(Group((m.image,), f"all pixels {m.statistics['mean']:.3f}") for m in readable if m.constant),
        ),
        Finding(
            "near_empty",
            "warning",
            f"{NEAR_EMPTY_SHARE:.0%} or more of the pixels have one grey level, or the standard deviation is below "
            f"{NEAR_EMPTY_STD}",
            tuple(Group((m.image,), _emptiness(m)) for m in readable if is_near_empty(m)),
        ),
        _check_sizes(readable),
        _check_modes(readable),
    ]
    return [finding for finding in findings if finding.groups]


def is_near_empty(m: Measurement) -> bool:
    """Whether a readable image shows next to nothing, without being constant."""
    return not m.constant and (m.flat_share >= NEAR_EMPTY_SHARE or m.statistics["std"] < NEAR_EMPTY_STD)


def _emptiness(m: Measurement) -> str:
    return f"{m.flat_share:.1%} of one grey level, standard deviation {m.statistics['std']:.4f}"


def _check_sizes(readable: Sequence[Measurement]) -> Finding:
    side = np.log([np.sqrt(m.height * m.width) for m in readable])
    aspect = np.log([m.width / m.height for m in readable])
    odd = _far_from_usual(side, SIZE_FACTOR) | _far_from_usual(aspect, ASPECT_FACTOR)
    usual = Counter((m.width, m.height) for m in readable).most_common(1)
    where = f"; the commonest is {usual[0][0][0]} x {usual[0][0][1]}" if usual else ""
    odd_ones = [m for m, is_odd in zip(readable, odd, strict=True) if is_odd]
    groups = tuple(Group((m.image,), f"{m.width} x {m.height} px{where}") for m in odd_ones)
    message = (
        f"size differs from the set's median by a factor above {SIZE_FACTOR:g} a side, or width / height by one above "
        f"{ASPECT_FACTOR:g} (and by more than {_SPREADS:g} robust standard deviations)"
    )
    return Finding("odd_size", "warning", message, groups)


def _far_from_usual(logs: np.ndarray, factor: float) -> np.ndarray:
    if not len(logs):
        return np.zeros(0, dtype=bool)
    off = np.abs(logs - np.median(logs))
    spread = 1.4826 * np.median(off)
    return off > max(np.log(factor), _SPREADS * spread)


def _check_modes(readable: Sequence[Measurement]) -> Finding:
    modes = Counter(m.mode for m in readable)
    usual = modes.most_common(1)[0][0] if modes else ""
    groups = tuple(
        Group(tuple(m.image for m in readable if m.mode == mode), f"{mode} among {usual}", n)
        for mode, n in modes.most_common()[1:]
    )
    return Finding("mixed_modes", "note", "stored in several ways; all are read as one grey channel in [0, 1]", groups)
