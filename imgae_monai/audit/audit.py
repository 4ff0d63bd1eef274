"""All checks of a data set together."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from monai.utils import look_up_option

from imgae_monai.audit.duplicates import Copies, find_copies
from imgae_monai.audit.finding import SEVERITIES, Finding
from imgae_monai.audit.image_checks import check_images
from imgae_monai.audit.measurement import Measurement
from imgae_monai.audit.scan import scan_images
from imgae_monai.audit.shortcuts import Shortcut, check_shortcuts, measure_shortcuts, no_model_scores
from imgae_monai.audit.split_checks import check_splits, count_by, count_classes
from imgae_monai.data.encoded_image import is_streamed
from imgae_monai.data.sources import Source
from imgae_monai.data.windows import WINDOWS
from imgae_monai.exceptions import InputError


@dataclasses.dataclass(frozen=True)
class Audit:
    """What the checks of a data set have found.

    Args:
        source: the set.
        measurements: of each of its items, in order.
        copies: groups of copies, as indices.
        findings: errors first.
        shortcuts: AUROC of scores without a model on the test split, the strongest first.
        n_components: dimensions of the PCA among them.
        seconds: wall-clock time.
    """

    source: Source
    measurements: list[Measurement]
    copies: list[Copies]
    findings: list[Finding]
    shortcuts: list[Shortcut]
    n_components: int
    seconds: float

    def of(self, severity: str) -> list[Finding]:
        """Findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def verdict(self) -> str:
        """One sentence."""
        numbers = {severity: len(self.of(severity)) for severity in SEVERITIES}
        if numbers["error"]:
            kinds = ", ".join(finding.title for finding in self.of("error"))
            return f"Not fit for training as it is: {kinds}"
        if numbers["warning"]:
            return "No errors, but look at: " + ", ".join(finding.title for finding in self.of("warning"))
        return "Nothing wrong was found"

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        items = self.source.items
        return {
            "source": self.source.origin,
            "synthetic": self.source.synthetic,
            "fallbacks": list(self.source.fallbacks),
            "verdict": self.verdict,
            "n_images": len(items),
            "counts": count_classes(items),
            "counts_by_view": count_by(items, "view"),
            "counts_by_sex": count_by(items, "sex"),
            "findings": [finding.to_dict() for finding in self.findings],
            "shortcuts": [shortcut.to_dict() for shortcut in self.shortcuts],
            "n_components": self.n_components,
            "seconds": round(self.seconds, 2),
        }


def audit_source(
    source: Source, window: str = "auto", workers: int | None = None, n_components: int = 16, seed: int = 0
) -> Audit:
    """Read every image of a source and check all that could falsify a study.

    Args:
        source: see :py:func:`imgae_monai.data.read_source`.
        window: as in :py:func:`imgae_monai.data.read_image`.
        workers: see :py:func:`imgae_monai.audit.scan_images`.
        n_components: dimensions of the PCA among the shortcuts; fewer where there are fewer training images.
        seed: of the bootstrap and of the training images that the PCA sees.

    Returns:
        the findings.

    Raises:
        InputError: when the source holds no image or is a stream, or a setting is out of range.
        ValueError: when ``window`` is unknown.
    """
    started = time.monotonic()
    window = look_up_option(window, WINDOWS)
    if n_components < 1:
        raise InputError(f"n_components must be 1 or more, got {n_components}")
    if not source.items:
        raise InputError(f"{source.origin} has no images")
    if any(is_streamed(item["image"]) for item in source.items):
        raise InputError(f"{source.origin} is a stream, which can't be read twice: check it without streaming=true")
    measurements = scan_images(source.items, window, workers, seed)
    copies = find_copies(measurements)
    shortcuts, n_used = _find_shortcuts(source.items, measurements, n_components, seed)
    volumes = [m.volume_sha256 for m in measurements]
    findings = [*check_splits(source.items, copies, volumes), *check_images(measurements), *check_shortcuts(shortcuts)]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Audit(source, measurements, copies, findings, shortcuts, n_used, time.monotonic() - started)


def _find_shortcuts(
    items: Sequence[dict[str, Any]], measurements: Sequence[Measurement], n_components: int, seed: int
) -> tuple[list[Shortcut], int]:
    usable = [(item, m) for item, m in zip(items, measurements, strict=True) if m.small is not None]
    test = [(item, m) for item, m in usable if item["split"] == "test"]
    labels = [item["label"] for item, _ in test]
    train = [m for item, m in usable if item["split"] == "train"]
    n_used = min(n_components, len(train))
    if len(set(labels)) < 2:
        return [], n_used
    scores = no_model_scores(train, [m for _, m in test], n_used)
    return measure_shortcuts(scores, labels, [item["patient_id"] for item, _ in test], seed), n_used
