"""Refuse grey-value options that would turn images inside out."""

from __future__ import annotations

from imgae_monai.exceptions import InputError


def check_intensity(lower_percentile: float, upper_percentile: float, gamma: float) -> None:
    """Make sure that grey values keep their order; MONAI's transforms take the wrong way round without a word.

    Args:
        lower_percentile: becomes 0.
        upper_percentile: becomes 1.
        gamma: exponents of the contrast lie between 1 / (1 + gamma) and 1 + gamma.

    Raises:
        InputError: when the percentiles are not 0 <= lower < upper <= 100, or gamma is below 0.
    """
    if not 0 <= lower_percentile < upper_percentile <= 100:
        raise InputError(
            "lower_percentile and upper_percentile must be 0 <= lower < upper <= 100, got "
            f"{lower_percentile} and {upper_percentile}"
        )
    if not gamma >= 0:
        raise InputError(f"gamma must be 0 or more, got {gamma}")
