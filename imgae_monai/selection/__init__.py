"""Choose preset and score on normal images and synthetic anomalies of them: no label and no test image is used."""

from .choose import Candidate, Choice, choose, complexity
from .criterion import CopyScores, criterion, family_aurocs
from .default_scores import default_scores, parse_score, score_label
from .families import CorruptionFamily, changed_pixels, corruption_families
from .score_copies import score_copies, split_halves
from .select import select
from .selection_run import SelectionRun
from .validation_items import validation_items
from .write_selection import write_selection

__all__ = [
    "Candidate",
    "Choice",
    "CopyScores",
    "CorruptionFamily",
    "SelectionRun",
    "changed_pixels",
    "choose",
    "complexity",
    "corruption_families",
    "criterion",
    "default_scores",
    "family_aurocs",
    "parse_score",
    "score_copies",
    "score_label",
    "select",
    "split_halves",
    "validation_items",
    "write_selection",
]
