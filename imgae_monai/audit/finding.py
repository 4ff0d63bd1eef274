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
    """

    images: tuple[str, ...]
    detail: str


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
    def title(self) -> str:
        """The kind in words, with the number of groups."""
        return f"{self.kind.replace('_', ' ')}: {len(self.groups)}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        groups = [{"images": list(group.images), "detail": group.detail} for group in self.groups]
        own = {"kind": self.kind, "severity": self.severity, "message": self.message}
        return {**own, "count": len(groups), "groups": groups}
