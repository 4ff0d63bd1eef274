"""A place among the transforms that load an image: before it is made smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgae_monai.transforms.clahe import CLAHEd
from imgae_monai.transforms.resize_keep_aspect import ResizeKeepAspectd


def before_resizing(transforms: Sequence[Callable], added: Callable) -> list[Callable]:
    """The transforms with one more before the first that resizes or equalises, or at the end where none does.

    Example:
        >>> [type(t).__name__ for t in before_resizing([abs, ResizeKeepAspectd("image", 8, "pad")], round)]
        ['builtin_function_or_method', 'builtin_function_or_method', 'ResizeKeepAspectd']
    """
    first, then = split_before_resizing(transforms)
    return [*first, added, *then]


def split_before_resizing(transforms: Sequence[Callable]) -> tuple[list[Callable], list[Callable]]:
    """The transforms before that place, and those after it."""
    kinds = ResizeKeepAspectd | CLAHEd
    at = next((i for i, step in enumerate(transforms) if isinstance(step, kinds)), len(transforms))
    return list(transforms[:at]), list(transforms[at:])
