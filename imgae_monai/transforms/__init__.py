"""Transforms beside MONAI's: reading and sizing images, and from a reconstruction to a calibrated score."""

from .anomaly_score import AnomalyScore, AnomalyScoreD, AnomalyScored, AnomalyScoreDict
from .calibration import (
    Calibration,
    ScoreDefinition,
    ZScoreMap,
    ZScoreMapD,
    ZScoreMapd,
    ZScoreMapDict,
    normal_quantile,
)
from .load_grayscale import LoadGrayscale, LoadGrayscaleD, LoadGrayscaled, LoadGrayscaleDict
from .residual_map import ResidualMap, ResidualMapD, ResidualMapd, ResidualMapDict
from .resize_keep_aspect import ResizeKeepAspect, ResizeKeepAspectD, ResizeKeepAspectd, ResizeKeepAspectDict

__all__ = [
    "AnomalyScore",
    "AnomalyScoreD",
    "AnomalyScoreDict",
    "AnomalyScored",
    "Calibration",
    "LoadGrayscale",
    "LoadGrayscaleD",
    "LoadGrayscaleDict",
    "LoadGrayscaled",
    "ResidualMap",
    "ResidualMapD",
    "ResidualMapDict",
    "ResidualMapd",
    "ResizeKeepAspect",
    "ResizeKeepAspectD",
    "ResizeKeepAspectDict",
    "ResizeKeepAspectd",
    "ScoreDefinition",
    "ZScoreMap",
    "ZScoreMapD",
    "ZScoreMapDict",
    "ZScoreMapd",
    "normal_quantile",
]
