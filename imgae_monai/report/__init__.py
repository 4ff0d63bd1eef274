"""What was evaluated, read back, compared and put into words."""

from __future__ import annotations

from imgae_monai.report.comparison import compare_evaluations
from imgae_monai.report.comparison_page import comparison_markdown
from imgae_monai.report.comparison_table import comparison_tables
from imgae_monai.report.evaluation import Evaluation, load_evaluation
from imgae_monai.report.markdown_text import markdown_table
from imgae_monai.report.scores_file import ScoresTable, read_scores_file
from imgae_monai.report.words import (
    auroc_words,
    difference_words,
    no_model_words,
    notice_words,
    promise_words,
    shown_above,
)

__all__ = [
    "Evaluation",
    "ScoresTable",
    "auroc_words",
    "compare_evaluations",
    "comparison_markdown",
    "comparison_tables",
    "difference_words",
    "load_evaluation",
    "markdown_table",
    "no_model_words",
    "notice_words",
    "promise_words",
    "read_scores_file",
    "shown_above",
]
