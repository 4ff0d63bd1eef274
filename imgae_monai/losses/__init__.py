"""Losses beside MONAI's."""

from .auxiliary_reconstruction import AuxiliaryReconstructionLoss

__all__ = ["AuxiliaryReconstructionLoss"]
