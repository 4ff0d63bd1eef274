"""Handlers beside MONAI's."""

from .best_checkpoint_saver import BestCheckpointSaver
from .checked_checkpoint_loader import CheckedCheckpointLoader, check_checkpoint
from .dataset_handler import DatasetHandler
from .early_stop import ValidationEarlyStopHandler
from .evaluation_writer import EvaluationWriter
from .memory_monitor import MemoryMonitor
from .nonfinite_loss import NonFiniteLossHandler
from .prediction_writer import PredictionWriter
from .progress_bar import EpochProgressBar
from .training_record import TrainingRecord

__all__ = [
    "BestCheckpointSaver",
    "CheckedCheckpointLoader",
    "DatasetHandler",
    "EpochProgressBar",
    "EvaluationWriter",
    "MemoryMonitor",
    "NonFiniteLossHandler",
    "PredictionWriter",
    "TrainingRecord",
    "ValidationEarlyStopHandler",
    "check_checkpoint",
]
