"""What a report says of each run, before it takes the form of a page or of Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.figures import Drawn
from imgae_monai.report.pictures import Gallery
from imgae_monai.report.table import Table
from imgae_monai.report.tables import evaluation_tables
from imgae_monai.report.words import auroc_words, no_model_words, notice_words, promise_words, shown_above


@dataclasses.dataclass(frozen=True)
class RunContent:
    """A run's part of a report.

    Args:
        evaluation: what it is about.
        folder: of its figures, beside the page.
        figures: drawn.
        gallery: pictures of single images, None where there are none.
        no_gallery: why, then.
        latent: drawn codes.
        latent_note: what they are of, or why there are none.
        model: name of the model, where this is one of its seeds.
        seeds_note: which of a model's seeds this is; empty where there is one.
    """

    evaluation: Evaluation
    folder: str
    figures: list[Drawn]
    gallery: Gallery | None
    no_gallery: str
    latent: list[Drawn]
    latent_note: str
    model: str = ""
    seeds_note: str = ""

    @property
    def name(self) -> str:
        """What the page calls it."""
        return self.model or self.evaluation.name

    @property
    def notices(self) -> list[str]:
        """What goes before every number: synthetic data, sources that could not be had."""
        metrics = self.evaluation.metrics or {}
        synthetic = notice_words(metrics)
        return [*([synthetic] if synthetic else []), *(f"fell back: {r}" for r in metrics.get("data_fallbacks") or ())]

    @property
    def verdict(self) -> list[str]:
        """The answers in words, what no model does as well first, and last a threshold that did not hold."""
        metrics = self.evaluation.metrics
        if metrics is None:
            return []
        auroc = auroc_words(self.evaluation.name, metrics.get("auroc"), metrics.get("auroc_ci95"))
        no_model = no_model_words(
            self.evaluation.name, metrics.get("auroc"), metrics.get("no_model"), metrics.get("no_model_reason")
        )
        words = [no_model, auroc] if beats_no_model(metrics) is False else [auroc, no_model]
        broken = promise_words(metrics)
        return [*words, broken] if broken else words

    @property
    def level(self) -> str:
        """``good`` where both answers are yes, ``error`` where what needs no model does as well, else ``warning``."""
        return level_of(self.evaluation.metrics or {})

    @property
    def tables(self) -> list[Table]:
        """The figures of the evaluation."""
        return evaluation_tables(self.evaluation)


def level_of(metrics: Mapping[str, Any]) -> str:
    """``good``, ``warning`` or ``error`` by a model's AUROC, its interval and ``no_model``."""
    beats = beats_no_model(metrics)
    if beats is False:
        return "error"
    return "good" if beats and shown_above(metrics.get("auroc_ci95")) == "yes" else "warning"


def beats_no_model(metrics: Mapping[str, Any]) -> bool | None:
    """Whether the model beats the best score that needs none; None where that is not known."""
    comparison = (metrics.get("no_model") or {}).get("against_best")
    return None if not comparison or metrics.get("auroc") is None else comparison["beats"]


def shown_rows(content: RunContent) -> Table | None:
    """The images that are shown, in words."""
    if content.gallery is None:
        return None
    from imgae_monai.report.pictures import short_names

    evaluation = content.evaluation
    threshold = (evaluation.metrics or {}).get("threshold")
    rows = sorted(content.gallery.cases, key=lambda row: -evaluation.scores[row])
    names = short_names([evaluation.images[row] for row in rows])
    lines = []
    for row, name in zip(rows, names, strict=True):
        lines.append((name, truth(evaluation, row), decision(evaluation, row), f"{evaluation.scores[row]:.6g}"))
    note = "" if threshold is None else f"Decided abnormal where the score is above {threshold:.6g}."
    return Table("Scores of the images above", ("image", "truth", "decision", "score"), lines, note)


def truth(evaluation: Evaluation, row: int) -> str:
    """``normal`` or ``abnormal``, as the label has it."""
    return "abnormal" if evaluation.labels[row] else "normal"


def decision(evaluation: Evaluation, row: int) -> str:
    """``normal`` or ``abnormal``, as it was decided."""
    if evaluation.decisions is None:
        return "not known"
    return "abnormal" if evaluation.decisions[row] else "normal"
