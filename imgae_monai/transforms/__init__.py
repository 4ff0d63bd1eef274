"""Transforms beside MONAI's: reading and sizing images, and from a reconstruction to a calibrated score."""

from .anomaly_score import AnomalyScore, AnomalyScored, AnomalyScoreD, AnomalyScoreDict
from .calibration import (
    Calibration,
    ScoreDefinition,
    ZScoreMap,
    ZScoreMapd,
    ZScoreMapD,
    ZScoreMapDict,
    normal_quantile,
)
from .load_grayscale import LoadGrayscale, LoadGrayscaled, LoadGrayscaleD, LoadGrayscaleDict, to_unit_grayscale
from .residual_map import ResidualMap, ResidualMapd, ResidualMapD, ResidualMapDict
from .resize_keep_aspect import ResizeKeepAspect, ResizeKeepAspectd, ResizeKeepAspectD, ResizeKeepAspectDict

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
    "to_unit_grayscale",
]
