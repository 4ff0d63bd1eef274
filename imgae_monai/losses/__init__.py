"""Losses beside MONAI's."""

from .auxiliary_reconstruction import AuxiliaryReconstructionLoss
from .introspective import IntrospectiveDecoderLoss, IntrospectiveEncoderLoss
from .learned_variance import LearnedVarianceLoss, build_reconstruction_loss, log_variance
from .reversed_embedding import ReversedEmbeddingLoss
from .standard_normal_kl import StandardNormalKLLoss
from .summed_squared_error import SummedSquaredErrorLoss

__all__ = [
    "AuxiliaryReconstructionLoss",
    "IntrospectiveDecoderLoss",
    "IntrospectiveEncoderLoss",
    "LearnedVarianceLoss",
    "ReversedEmbeddingLoss",
    "StandardNormalKLLoss",
    "SummedSquaredErrorLoss",
    "build_reconstruction_loss",
    "log_variance",
]
