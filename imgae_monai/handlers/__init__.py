"""Handlers beside MONAI's."""

from .best_checkpoint_saver import BestCheckpointSaver
from .checked_checkpoint_loader import CheckedCheckpointLoader, check_checkpoint
from .early_stop import ValidationEarlyStopHandler
from .evaluation_writer import EvaluationWriter
from .nonfinite_loss import NonFiniteLossHandler
from .prediction_writer import PredictionWriter
from .progress_bar import EpochProgressBar
from .training_record import TrainingRecord

__all__ = [
    "BestCheckpointSaver",
    "CheckedCheckpointLoader",
    "EpochProgressBar",
    "EvaluationWriter",
    "NonFiniteLossHandler",
    "PredictionWriter",
    "TrainingRecord",
    "ValidationEarlyStopHandler",
    "check_checkpoint",
]
