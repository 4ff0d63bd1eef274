"""What a check has found."""

from __future__ import annotations

import dataclasses
from typing import Any

SEVERITIES = ("error", "warning", "note")


@dataclasses.dataclass(frozen=True)
class Group:
    """Images that belong together in a finding: one faulty image, or the copies of one.

    Args:
        images: paths or references; empty where the finding is about the whole set.
        detail: what is the matter with them.
        count: what the group counts as: 1, or its images where each is a case of its own.
    """

    images: tuple[str, ...]
    detail: str
    count: int = 1


@dataclasses.dataclass(frozen=True)
class Finding:
    """One kind of fault and all its images.

    Args:
        kind: name of the check, in snake_case.
        severity: ``"error"`` (training would refuse the set, or a figure would be wrong), ``"warning"`` or ``"note"``.
        message: what it means, and the mend.
        groups: the images.
    """

    kind: str
    severity: str
    message: str
    groups: tuple[Group, ...]

    @property
    def count(self) -> int:
        """Number of cases."""
        return sum(group.count for group in self.groups)

    @property
    def title(self) -> str:
        """The kind in words, with the number of cases unless it is one of the whole set."""
        words = self.kind.replace("_", " ")
        return f"{words}: {self.count:,}" if self.count > 1 or self.groups[0].images else words

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        groups = [{"images": list(group.images), "detail": group.detail} for group in self.groups]
        own = {"kind": self.kind, "severity": self.severity, "message": self.message}
        return {**own, "count": self.count, "groups": groups}
