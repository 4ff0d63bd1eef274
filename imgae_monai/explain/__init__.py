"""Which part of an image its anomaly score comes from, beside the anomaly map."""

from __future__ import annotations

from .explain_score import ExplainScoreD, ExplainScored, ExplainScoreDict
from .explanation import METHODS, check_methods, explain, map_height
from .gradient import gradient_attribution
from .occlusion import occlusion_attribution
from .score_network import ScoreNetwork

__all__ = [
    "METHODS",
    "ExplainScoreD",
    "ExplainScoreDict",
    "ExplainScored",
    "ScoreNetwork",
    "check_methods",
    "explain",
    "gradient_attribution",
    "map_height",
    "occlusion_attribution",
]
