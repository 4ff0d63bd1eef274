"""Which corruptions a network learns to take away, by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from monai.transforms import CopyItemsd, OneOf
from monai.utils import ensure_tuple, look_up_option

from imgae_monai.transforms.rand_foreign_weight import RandForeignWeightd


def choose_corruption(names: Sequence[str] | str, transforms: Mapping[str, Callable]) -> list[Callable]:
    """Transforms that put a copy of ``image`` under ``corrupted`` and spoil it, so that a config chooses by words.

    Of several corruptions each image gets one, drawn anew each time, all equally often.

    Args:
        names: names of corruptions; none for no corruption.
        transforms: dictionary transform of ``corrupted`` by name, or a
            :py:class:`imgae_monai.transforms.RandForeignWeightd`.

    Returns:
        an empty list where there are no names. To be put behind the augmentation, see
        :py:func:`imgae_monai.engines.prepare_restoration`.

    Raises:
        ValueError: when a name is unknown (names the nearest).

    Example:
        >>> choose_corruption([], {})
        []
    """
    ways = [transforms[look_up_option(name, tuple(transforms))] for name in ensure_tuple(names)]
    if not ways:
        return []
    copied = CopyItemsd("image", names="corrupted")
    if len(ways) == 1:
        return [copied, *ways]
    # a batch needs weights of all of its images or of none
    weights = [RandForeignWeightd("image", prob=0.0)] if any(isinstance(w, RandForeignWeightd) for w in ways) else []
    return [copied, *weights, OneOf(ways)]
