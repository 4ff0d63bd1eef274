"""Inferers beside MONAI's."""

from .anomaly_inferer import AnomalyInferer
from .autocast_inferer import AutocastInferer
from .ensemble_inferer import EnsembleInferer

__all__ = ["AnomalyInferer", "AutocastInferer", "EnsembleInferer"]
