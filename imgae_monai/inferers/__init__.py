"""Inferers beside MONAI's."""

from .autocast_inferer import AutocastInferer
from .ensemble_inferer import EnsembleInferer

__all__ = ["AutocastInferer", "EnsembleInferer"]
