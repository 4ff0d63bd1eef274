"""What was evaluated, read back, compared and put into words."""

from __future__ import annotations

from imgae_monai.report.evaluation import Evaluation, load_evaluation
from imgae_monai.report.scores_file import ScoresTable, read_scores_file
from imgae_monai.report.words import auroc_words, difference_words, no_model_words, notice_words, shown_above

__all__ = [
    "Evaluation",
    "ScoresTable",
    "auroc_words",
    "difference_words",
    "load_evaluation",
    "no_model_words",
    "notice_words",
    "read_scores_file",
    "shown_above",
]
