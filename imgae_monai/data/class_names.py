"""Class names as labels: 0 normal, 1 abnormal, and nothing guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imgae_monai.exceptions import InputError


class ClassNames:
    """Turn the class names of images into labels, and refuse at the end what neither list names.

    An image is normal if its only class is a normal one; with any other class beside it, it is abnormal.

    Args:
        normal_names: classes that mean normal, any case.
        abnormal_names: classes that mean abnormal, any case.

    Example:
        >>> names = ClassNames(["No Finding"], ["Mass", "Edema"])
        >>> names.label(["no finding"]), names.label(["Mass", "Edema"])
        (0, 1)
    """

    def __init__(self, normal_names: Sequence[str], abnormal_names: Sequence[str]) -> None:
        self.normal_names, self.abnormal_names = tuple(normal_names), tuple(abnormal_names)
        self._normal = {str(name).casefold() for name in normal_names}
        self._known = self._normal | {str(name).casefold() for name in abnormal_names}
        self._counts: Counter[str] = Counter()

    def label(self, names: Sequence[str]) -> int:
        """Label of one image with these classes."""
        self._counts.update(names)
        return int(not all(name.casefold() in self._normal for name in names))

    def check(self, source: object) -> None:
        """Refuse classes that are neither normal nor abnormal.

        Raises:
            InputError: listing all classes with their numbers of images.
        """
        unknown = [name for name in self._counts if name.casefold() not in self._known]
        if unknown:
            listed = ", ".join(f"{name!r} ({n})" for name, n in sorted(self._counts.items()))
            raise InputError(
                f"{source}: class {unknown[0]!r} is neither a normal ({', '.join(self.normal_names)}) nor an abnormal "
                f"one ({', '.join(self.abnormal_names)}); there are {listed}: name each with normal_names or "
                "abnormal_names"
            )
